"""Runs the node of a file: python3 -m personalive [--requirements FILE] ./node.py, in node.yaml's command."""

import os
import sys

from personalive import _running
from personalive._library import Library


def main() -> int:
    requirements = None
    if sys.argv[1:2] == ["--requirements"]:
        requirements = sys.argv[2]
        del sys.argv[1:3]
    if len(sys.argv) < 2 or not os.path.isfile(sys.argv[1]):
        print(
            "usage: python3 -m personalive FILE NAME --kind KIND --folder FOLDER, where FILE has a @node; "
            "'personalive run' starts it", file=sys.stderr)
        return 64
    sys.stdout.reconfigure(line_buffering=True)
    library = Library(sys.argv[1:])
    import json

    # Before numpy is imported: threads for mathematics are as many as the graph allows.
    cores = str(json.loads(library.describe())["cores"])
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, cores)
    if requirements:
        from personalive.requirements import fault

        if lack := fault(requirements):
            library.say("failure", lack)
            return library.close()
    try:
        from personalive._host import Host
    except ImportError as error:
        library.say("failure", f"{error}: pip install numpy")
        return library.close()
    host = Host(sys.argv[1], library)
    _running.append(host)
    return host.run()


if __name__ == "__main__":
    sys.exit(main())
