/// The configuration of an nginx that stands before a studio where people come from other machines.
///
/// It bounds what FlyingFox does not: the length of a header and the time it may take, connections by
/// address and in all, and the size of an upload; and it speaks TLS.
package struct NginxConfiguration {
    private let name: String
    private let port: UInt16
    private let certificate, key: String
    private let listen: UInt16

    /// - Parameters:
    ///   - name: the host that people will open.
    ///   - port: the studio's.
    ///   - certificate: files in PEM, its key beside it.
    ///   - listen: where nginx listens.
    package init(
        name: String, port: UInt16, certificate: String, key: String, listen: UInt16 = 443
    ) {
        (self.name, self.port, self.listen) = (name, port, listen)
        (self.certificate, self.key) = (certificate, key)
    }

    /// To be included in nginx's block `http`, as files in /etc/nginx/conf.d are.
    package var text: String {
        """
        # The studio of personalive for people on other machines. Start it with
        #   personalive studio --port \(port) --host \(host)
        # and check this with 'nginx -t' before 'systemctl reload nginx'.
        limit_conn_zone $binary_remote_addr zone=personalive_address:1m;
        limit_conn_zone $server_name zone=personalive_all:1m;
        limit_req_zone $binary_remote_addr zone=personalive_session:1m rate=1r/s;

        server {
            listen \(listen) ssl;
            server_name \(name);
            ssl_certificate \(certificate);
            ssl_certificate_key \(key);
            ssl_protocols TLSv1.2 TLSv1.3;

            # A header has 16 KiB and 5 s, an upload 20 MB, an address 16 connections of 64.
            client_header_buffer_size 4k;
            large_client_header_buffers 4 4k;
            client_header_timeout 5s;
            client_body_timeout 20s;
            client_max_body_size 20m;
            limit_conn personalive_address 16;
            limit_conn personalive_all 64;
            limit_conn_status 429;
            limit_req_status 429;

            location = /api/v1/session {
                limit_req zone=personalive_session burst=5 nodelay;
                proxy_pass http://127.0.0.1:\(port);
                proxy_set_header Host $http_host;
                proxy_set_header X-Forwarded-For $remote_addr;
            }

            location / {
                proxy_pass http://127.0.0.1:\(port);
                proxy_http_version 1.1;
                proxy_set_header Host $http_host;
                proxy_set_header X-Forwarded-For $remote_addr;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection $personalive_connection;
                proxy_buffering off;
                proxy_request_buffering on;
                proxy_read_timeout 1h;
                proxy_send_timeout 30s;
                add_header Strict-Transport-Security "max-age=86400" always;
            }
        }

        map $http_upgrade $personalive_connection {
            default upgrade;
            '' close;
        }

        """
    }

    private var host: String { listen == 443 ? name : "\(name):\(listen)" }
}
