"""Checks manifests against Kubernetes' published schemas, unknown keys included, of an old and of the
newest version that there is a schema for: validate_manifests.py FILE…

Prints each object's kind and name; the exit code is 1 if one is not valid.
"""
import sys

import kubernetes_validate
import yaml

failed = False
for path in sys.argv[1:]:
    with open(path) as file:
        for manifest in yaml.safe_load_all(file):
            name = f"{manifest['kind']} {manifest['metadata']['name']}"
            for version in ("1.27", kubernetes_validate.latest_version()):
                try:
                    kubernetes_validate.validate(manifest, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    failed = True
                    print(f"{path}: {name}, {version}: {error}")
            print(name)
sys.exit(1 if failed else 0)
