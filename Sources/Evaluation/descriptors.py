"""Descriptors of faces: 150 x 150 RGB pictures from standard input, 128 numbers each as JSON.

Needs dlib, numpy and the weights that face-recognition-models carries. Exit code 3: one of them is missing.
"""
import importlib.util
import json
import sys

SIDE = 150
try:
    import dlib
    import numpy
    # The package itself is not imported: it wants a setuptools that new Pythons no longer have.
    found = importlib.util.find_spec("face_recognition_models")
    if found is None:
        raise ImportError("No module named 'face_recognition_models'")
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
network = dlib.face_recognition_model_v1(
    found.submodule_search_locations[0] + "/models/dlib_face_recognition_resnet_model_v1.dat")
faces = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8).reshape(-1, SIDE, SIDE, 3)
print(json.dumps([list(network.compute_face_descriptor(face)) for face in faces]))
