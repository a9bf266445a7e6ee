extension KubernetesManifests {
    /// How the image of all pods is made.
    static let containerfile = """
        # The program with the libraries it needs, for every pod:
        #   podman build -t IMAGE -f Containerfile /path/to/personalive
        # Plugins need what they are written in besides: python3-numpy, say, and a copy of Plugins/ in /work.
        FROM docker.io/library/swift:6.3-bookworm AS build
        RUN apt-get update && apt-get install -y --no-install-recommends \\
                libopenblas-dev libyaml-dev libzmq3-dev libdnnl-dev libavcodec-dev libavformat-dev \\
                libavutil-dev libswscale-dev libswresample-dev libavdevice-dev libavfilter-dev \\
                libheif-dev libwebp-dev \\
                libcurl4-openssl-dev libssl-dev pkg-config python3-pip
        WORKDIR /src
        COPY . .
        RUN swift build -c release --product personalive --static-swift-stdlib \\
            --explicit-target-dependency-import-check error
        # What plugins are loaded with, and what it needs of Swift, in the program's folder.
        RUN swift build -c release --product personalive-node && mkdir /plugins \\
            && cp -r .build/release/libpersonalive-node.so \\
                .build/release/personalive_PersonaliveNode.resources /plugins \\
            && ldd /plugins/libpersonalive-node.so | grep -o '/usr/lib/swift/[^ ]*' | xargs -I {} cp {} /plugins
        # The networks that find faces, for the node 'face-crop'.
        RUN test -e Models/face/face_landmark_with_attention.safetensors \\
            || .build/release/personalive models pull face

        FROM docker.io/library/debian:bookworm-slim
        RUN apt-get update && apt-get install -y --no-install-recommends \\
                libopenblas0-pthread libyaml-0-2 libzmq5 libdnnl2 libavcodec59 libavformat59 \\
                libavutil57 libswscale6 libswresample4 libavdevice59 libavfilter8 libheif1 \\
                libwebpdemux2 libcurl4 libssl3 \\
                ca-certificates curl tini \\
            && curl -fsSLo /usr/local/bin/kubectl \\
                "https://dl.k8s.io/release/v1.33.0/bin/linux/$(dpkg --print-architecture)/kubectl" \\
            && chmod 755 /usr/local/bin/kubectl \\
            && apt-get purge -y curl && apt-get autoremove -y && rm -rf /var/lib/apt/lists/*
        COPY --from=build /src/.build/release/personalive /usr/local/bin/
        COPY --from=build /plugins /usr/local/bin/
        COPY --from=build /src/Models /work/Models
        RUN useradd --uid 10001 --create-home personalive
        USER 10001
        WORKDIR /work
        ENTRYPOINT ["tini", "--", "personalive"]

        """
}
