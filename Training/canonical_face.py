"""Prints the table of Sources/Networks/Face/HeadPose.swift: a head at rest, as the face mesh sees it.

    pip install mediapipe==0.10.21
    python canonical_face.py

The mean of invented people, rendered from the front with their faces at rest. Of each face and of its mirror
image, the stable points are laid on the mean of all by the similarity (scale, rotation, translation) with the
least squares (Umeyama, 1991); the mean of what results is the next mean, five times. Its middle line is then
put at x = 0, its centroid at the origin, and the outer corners of its eyes one unit apart.

Stable are points that jaw, lips, lids, brows and cheeks do not move. The forehead is left out: with it, pitch
that was read from the demo's film was 1.33 times what was rendered, and 1.04 times without.
"""
import mediapipe
import numpy as np

from portrait.faces import identity, motion, renderer

MIDDLE = [168, 6, 197, 195, 5, 4, 1]
RIGHT = [122, 196, 198, 21, 162, 127, 234, 93, 33, 133, 244, 143, 226, 116, 117, 118, 119, 101]
LEFT = [351, 419, 420, 251, 389, 356, 454, 323, 263, 362, 464, 372, 446, 345, 346, 347, 348, 330]
PEOPLE, SEED, SIZE, ROUNDS = 120, 31, 256, 5


def meshes():
    """`[n, points, 3]`, in pixels: the stable points in the order of MIDDLE, RIGHT, LEFT."""
    people = identity.samples(PEOPLE, SEED)
    people[:, identity.INDEX["glasses"]] = 0
    rest = np.zeros((PEOPLE, len(motion.NAMES)), np.float32)
    rest[:, motion.INDEX["t_y"]], rest[:, motion.INDEX["scale"]] = .04, .68
    found = []
    with mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=True, refine_landmarks=True) as mesh:
        for picture in renderer.render(people, rest, SIZE):
            faces = mesh.process(picture).multi_face_landmarks
            if faces:
                points = np.array([(p.x, p.y, p.z) for p in faces[0].landmark]) * SIZE
                found.append(points[MIDDLE + RIGHT + LEFT])
    return np.stack(found)


def laid_on(points, target):
    """Points moved, turned and scaled onto others."""
    a, b = points - points.mean(0), target - target.mean(0)
    u, s, v = np.linalg.svd(b.T @ a)
    signs = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
    rotation, scale = u @ np.diag(signs) @ v, (s * signs).sum() / (a ** 2).sum()
    return scale * a @ rotation.T + target.mean(0)


def mirrored(points):
    m, r = len(MIDDLE), len(RIGHT)
    order = [*range(m), *range(m + r, m + 2 * r), *range(m, m + r)]
    return points[order] * [-1, 1, 1]


def main():
    faces = meshes()
    mean = faces[0]
    for _ in range(ROUNDS):
        mean = np.mean([laid_on(p, mean) for face in faces for p in (face, mirrored(face))], 0)
        mean = mean - [mean[:len(MIDDLE), 0].mean(), 0, 0]
        mean = (mean + mirrored(mean)) / 2
    corner = len(MIDDLE) + RIGHT.index(33)
    mean = (mean - mean.mean(0)) / (2 * abs(mean[corner, 0]))
    print(f"// {len(faces)} faces")
    for number, (x, y, z) in zip(MIDDLE, mean):
        print(f"({number}, {number}, SIMD3({0:.3f}, {y:.3f}, {z:.3f})),")
    for right, left, (x, y, z) in zip(RIGHT, LEFT, mean[len(MIDDLE):]):
        print(f"({right}, {left}, SIMD3({x:.3f}, {y:.3f}, {z:.3f})),")


main()
