"""The work of the measurement as one would write it in Python. Arguments: function, items, argument, folder, "serial" or "pool"."""

import hashlib
import math
import multiprocessing
import os
import sys
import time


def count(_, n, folder):
    i = 0
    while i < n:
        i += 1
    return i


def increment(_, n, folder):
    value = 0

    def successor(v):
        return v + 1

    for _ in range(n):
        value = successor(value)
    return value


def factorial(_, n, folder):
    sys.set_int_max_str_digits(0)
    return len(str(math.factorial(n)))


def sha256(i, pieces, folder):
    path = os.path.join(folder, "bytes")
    size = os.path.getsize(path)
    begin, end = size * i // pieces, size * (i + 1) // pieces
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        f.seek(begin)
        while begin < end:
            data = f.read(min(1 << 20, end - begin))
            digest.update(data)
            begin += len(data)
    return digest.hexdigest()


def thumbnail(_, n, folder):
    from PIL import Image

    with Image.open(os.path.join(folder, "photo.jpg")) as image:
        image.thumbnail((200, 200))
        import io

        out = io.BytesIO()
        image.save(out, "JPEG", quality=85)
        return len(out.getvalue())


def run(task):
    name, i, n, folder = task
    return globals()[name](i, n, folder)


if __name__ == "__main__":
    name, items, argument, folder, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
    tasks = [(name, i, argument, folder) for i in range(items)]
    began = time.perf_counter()
    if mode == "pool":
        with multiprocessing.Pool() as pool:
            results = pool.map(run, tasks, chunksize=1)
    else:
        results = [run(task) for task in tasks]
    print(time.perf_counter() - began)
    assert len(results) == items
