"""C beside Python, compiled when it is first needed."""
import ctypes
import functools
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC"]


@functools.cache
def library(source: Path) -> ctypes.CDLL:
    """A compiled file, kept under the sum of its source so that it is compiled once."""
    name = hashlib.sha256(source.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "personalive"
    path = folder / f"{source.stem}-{name}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".so", delete=False) as made:
            pass
        command = [os.environ.get("CC", "cc"), *FLAGS, "-o", made.name, str(source), "-lm"]
        subprocess.run(command, check=True)
        os.replace(made.name, path)  # two runs at once may both compile: the last one stays
    return ctypes.CDLL(str(path))
