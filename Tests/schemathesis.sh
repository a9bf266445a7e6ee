#!/bin/bash
# What the studio answers to requests that Schemathesis makes up from openapi.json: nothing that the file does
# not describe, and no failure of the server. Needs `pip install schemathesis` (94 MB, so it is no part of
# `make test`) and a studio of a graph that may be broken.
#
#   Tests/schemathesis.sh ADDRESS [EXAMPLES]        ADDRESS as the studio printed it, with its token
set -euo pipefail
base=${1%%/#*}
token=${1#*#t=}
token=${token%%&*}
config=$(mktemp --suffix .toml)
trap 'rm -f "$config"' EXIT
# All requests are about the run that there is.
printf '[parameters]\n"path.run" = "-"\n"query.output" = ["source.frame", "row.frame", "x"]\n' >"$config"
# Not what ends the run, nor streams that never end, nor WebSockets.
st --config-file "$config" run "$base/openapi.json" --url "$base" -H "Authorization: Bearer $token" \
    --max-examples "${2:-20}" --request-timeout 30 --generation-deterministic --phases examples,coverage,fuzzing \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --exclude-path-regex '/(stop|live|camera|events|trace)$'
