# Two commands for a newcomer: `make demo` and `make test`. Both install the Debian packages that
# are missing (as root, or through sudo), build in release, and share one build.

PACKAGES := libopenblas-dev libyaml-dev libzmq3-dev libdnnl-dev libavcodec-dev libavformat-dev \
            libavutil-dev libswscale-dev libswresample-dev libavdevice-dev libavfilter-dev libheif-dev \
            libwebp-dev libcurl4-openssl-dev libssl-dev pkg-config
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
BUILD := swift build -c release --explicit-target-dependency-import-check error
TOOL := .build/release/personalive
# What measures and attacks it; no part of what is deployed.
BENCH := .build/release/personalive-bench

# What plugins in Python need, from PyPI, apart from the machine's own: about 15 s, once.
PYTHON := .build/python

# The networks that find a face, through pip: a wheel of 36 MB, of which 2.7 MB are kept.
FACE := Models/face/face_landmark_with_attention.safetensors

.PHONY: demo studio test test-machines test-links test-cable train test-training fuzz build build-bench packages python bench bench-live chaos soak clean format check reference install uninstall

# With PORTRAIT=me.jpg one's own photo, bent after the demo's driver: photo.mp4.
demo: PACKAGES += $(if $(wildcard $(FACE)),,python3-pip)
demo: build $(FACE)
	@$(TOOL) run $(if $(PORTRAIT),Graphs/photo.yaml --set portrait=$(PORTRAIT),Graphs/side-by-side.yaml)

# A page in the browser: your camera in, the portrait out. Ctrl-C ends it.
studio: PACKAGES += $(if $(wildcard $(FACE)),,python3-pip)
studio: build $(FACE)
	@$(TOOL) studio Graphs/studio.yaml

# The libtorch of the recipe's PyTorch, where `make test-training` has installed it: layers, networks and a
# graph are then tested on the device `torch`. PERSONALIVE_DEVICES=required: without one these tests fail.
LIBTORCH ?= $(firstword $(wildcard $(CURDIR)/Training/.venv/lib/python3*/site-packages/torch/lib))

# Layers once more with the kernels for registers of 256 and of 128 bits, and how processes end.
# What streams are sent to and read by in tests; PERSONALIVE_SERVERS=required says that they are there.
test: PACKAGES += python3-venv python3-pip curl jq nginx-light libnginx-mod-rtmp openssl chromium \
        fonts-dejavu-core ffmpeg firefox-esr openssh-server xvfb
test: export PERSONALIVE_TORCH := $(or $(PERSONALIVE_TORCH),$(LIBTORCH))
test: packages python
	@$(BUILD) --build-tests
	@$(MAKE) --no-print-directory $(FACE)
	@PATH="$(CURDIR)/$(PYTHON)/bin:$$PATH" PERSONALIVE_PYTHON=required PERSONALIVE_FACE=required \
	    PERSONALIVE_SERVERS=required \
	    swift test -c release --skip-build
	@for bits in 256 128; do \
	  echo "layers with registers of $$bits bits"; \
	  PERSONALIVE_REGISTERS=$$bits PERSONALIVE_ALONE=1 swift test -c release --skip-build --filter LayersTests || exit 1; \
	done

# Graphs over three hosts that are made on this machine for the purpose; needs root.
test-machines: PACKAGES += python3-venv
test-machines: packages python
	@$(BUILD) --build-tests
	@PATH="$(CURDIR)/$(PYTHON)/bin:$$PATH" PERSONALIVE_PYTHON=required \
	    Tests/Machines/run -c release

# A million damaged checkpoints of each format, and as many damaged manifests, boxes and segments;
# PERSONALIVE_FUZZ_FIRST starts at another number.
fuzz: packages
	@$(BUILD) --build-tests
	@PERSONALIVE_FUZZ_CASES=$${PERSONALIVE_FUZZ_CASES:-1000000} \
	    swift test -c release --skip-build --filter 'ReaderFuzzTests|ManifestFuzzTests'

# The tool, and the library that plugins are loaded with.
build: packages
	@$(BUILD) --product personalive
	@$(BUILD) --product personalive-node

build-bench: build
	@$(BUILD) --product personalive-bench

# Without a package index the demo runs all the same, and says that faces are not looked for.
$(FACE): | build
	-@$(TOOL) models pull face

packages:
	@missing=$$(dpkg-query -W -f '$${db:Status-Abbrev} $${Package}\n' $(PACKAGES) 2>/dev/null \
	    | sed -n 's/^ii  *//p' | sort >/tmp/.personalive-have.$$$$; \
	  printf '%s\n' $(PACKAGES) | sort | comm -23 - /tmp/.personalive-have.$$$$; \
	  rm -f /tmp/.personalive-have.$$$$); \
	if [ -n "$$missing" ]; then \
	  echo "installing:" $$missing; \
	  $(SUDO) apt-get update -q && \
	  $(SUDO) apt-get install -y -q --no-install-recommends $$missing; \
	fi

python: packages $(PYTHON)/complete

$(PYTHON)/complete: Plugins/requirements.txt Plugins/webrtc-python/requirements.txt Tests/requirements.txt
	@echo "installing: $$(cat $^ | grep -v '^#' | tr '\n' ' ')into $(PYTHON)"
	@python3 -m venv $(PYTHON)
	@$(PYTHON)/bin/pip install -q --disable-pip-version-check $(^:%=-r %)
	@touch $@

# Kills, stalls, swaps and changes of graphs at random, seed after seed: make chaos MINUTES=60
MINUTES ?= 10
chaos: build-bench
	@$(BENCH) chaos --messages 10000 --minutes $(MINUTES)

# The same once, then a live graph for so long: whether anything grows.
soak: build-bench
	@$(BENCH) chaos --messages 10000
	@$(BENCH) soak --minutes $(MINUTES) --json

# Ages, swaps and recoveries of running graphs; OVERLOAD_SECONDS=600 for the ten minutes.
bench-live: build-bench
	@$(BENCH) live --json

# Edges between machines over a poor network and under attack, a gigabyte of garbage included.
test-links: build-bench
	@$(BENCH) links --seconds 30 --garbage 1024

# A real cable, between two network namespaces, pulled for five seconds (as root).
test-cable: build
	@Tests/pulled-cable.sh $(TOOL)

bench: build-bench
	@$(BENCH) startup
	@$(BENCH) transport

# The README's moving picture, from the film that `make demo` makes.
Models/demo/portrait.webp: PACKAGES += ffmpeg
Models/demo/portrait.webp: demo
	@ffmpeg -y -loglevel error -t 8 -i portrait.mp4 -vf fps=12.5,scale=768:-1 -loop 0 -q:v 60 $@

# PyTorch in an environment of its own; TORCH=… uses a Python that has it. PyPI's is made for GPUs and
# is gigabytes; with PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu pip takes the one for
# processors, 0.2 GB.
TORCH ?= Training/.venv/bin/python
train test-training: PACKAGES += python3-venv ffmpeg
$(TORCH): $(if $(findstring .venv,$(TORCH)),Training/.venv/complete)
Training/.venv/complete: | packages
	@echo "installing PyTorch into Training/.venv"
	@python3 -m venv Training/.venv
	@Training/.venv/bin/pip install --quiet --disable-pip-version-check \
		numpy pillow safetensors accelerate tensorboard torch==2.13.0
	@touch $@

# The shipped checkpoint, anew: goes on where it stopped. About four hours on two free cores.
# With BEGIN=../Models/small its stages begin at the weights there, and not at nothing.
train: $(TORCH)
	@cd Training && OMP_NUM_THREADS=1 $(abspath $(TORCH)) -m portrait.recipe all \
		--folder runs/small $(if $(BEGIN),--begin $(BEGIN))

# Every stage for a step or two. Not part of `make test`: PyTorch is hundreds of megabytes.
test-training: $(TORCH)
	@cd Training && OMP_NUM_THREADS=1 $(abspath $(TORCH)) -m unittest tests.test_recipe

# Before a commit: layout and rules of what was changed, the pages, and the tests of values.
check: packages python
	@changed=$$( (git diff --name-only --diff-filter=d $(SINCE); git ls-files --others --exclude-standard) \
	    | grep '\.swift$$' || true); \
	if [ -n "$$changed" ]; then swift format lint --strict $$changed; fi
	@$(BUILD) --build-tests
	@python3 docs/reference.py --check && python3 Tests/check_docs.py
	@swift test -c release --skip-build --filter \
	    '^(TensorsTests|NodeKitTests|WireTests|DataflowTests|LaunchTests|StudioTests)\.'

# What 'make check' takes as the beginning of a change.
SINCE ?= HEAD

format:
	@swift format --in-place --recursive Package.swift Sources Tests

# The pages on commands and kinds of node, from what the tool says of itself.
reference: build
	@python3 docs/reference.py

# After 'make build': sudo make install. The program with the libraries that no package brings is in
# lib/personalive, graphs and models in share/personalive. DESTDIR is put before all of it, for packages.
PREFIX ?= /usr/local
PROGRAM = $(DESTDIR)$(PREFIX)/lib/personalive
SHARE = $(DESTDIR)$(PREFIX)/share
COMPLETIONS = $(SHARE)/bash-completion/completions/personalive $(SHARE)/zsh/site-functions/_personalive \
              $(SHARE)/fish/vendor_completions.d/personalive.fish

install:
	@case '$(DESTDIR)$(PREFIX)' in *[[:space:]]*) echo "PREFIX and DESTDIR cannot have spaces"; exit 1;; esac
	@test -x $(TOOL) || { echo "$(TOOL) is not there: run 'make build' first"; exit 1; }
	@rm -rf $(PROGRAM) $(SHARE)/personalive/Graphs
	@install -d $(PROGRAM) $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 $(SHARE)/personalive/Models \
	    $(dir $(COMPLETIONS))
	@install -m 755 $(TOOL) $(PROGRAM)/personalive
	@install -m 644 .build/release/libpersonalive-node.so $(PROGRAM)
	@ldd $(TOOL) .build/release/libpersonalive-node.so | sed -n 's|.*=> \(.*/swift/linux/[^ ]*\) .*|\1|p' \
	    | sort -u | xargs -I {} install -m 644 {} $(PROGRAM)
	@cp -r --no-preserve=mode .build/release/personalive_PersonaliveNode.resources $(PROGRAM)
	@ln -sf ../lib/personalive/personalive $(DESTDIR)$(PREFIX)/bin/personalive
	@cp -r --no-preserve=mode Graphs $(SHARE)/personalive
	@cp -r --no-preserve=mode $(wildcard Models/demo Models/small Models/face) $(SHARE)/personalive/Models
	@python3 docs/reference.py --manual $(SHARE)/man/man1/personalive.1
	@$(TOOL) --generate-completion-script bash > $(word 1,$(COMPLETIONS))
	@$(TOOL) --generate-completion-script zsh > $(word 2,$(COMPLETIONS))
	@$(TOOL) --generate-completion-script fish > $(word 3,$(COMPLETIONS))
	@test -e $(FACE) || echo "without the face networks: 'make demo' fetches them; then install again"
	@echo "installed: $(PREFIX)/bin/personalive; graphs in $(PREFIX)/share/personalive/Graphs"

uninstall:
	@case '$(DESTDIR)$(PREFIX)' in *[[:space:]]*) echo "PREFIX and DESTDIR cannot have spaces"; exit 1;; esac
	@rm -rf $(PROGRAM) $(SHARE)/personalive
	@rm -f $(DESTDIR)$(PREFIX)/bin/personalive $(SHARE)/man/man1/personalive.1 $(COMPLETIONS)

clean:
	@rm -rf .build
