"""Fetches a URL again and again, as people do it in Python: python.py aiohttp|requests METHOD URL CONCURRENCY.

Reads numbers from stdin, a line each; fetches the URL so many times, so many at once; says "done".
"""

import hashlib
import sys

mode, method, url, concurrency = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def say(word):
    print(word, flush=True)


def with_aiohttp():
    import asyncio

    import aiohttp

    async def work(session, left):
        while left:
            left.pop()
            async with session.request(method, url) as answer:
                answer.raise_for_status()
                hashlib.sha256(await answer.read()).hexdigest()

    async def main():
        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=concurrency)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            say("ready")
            while line := await loop.run_in_executor(None, sys.stdin.readline):
                left = [None] * int(line)
                await asyncio.gather(*(work(session, left) for _ in range(concurrency)))
                say("done")

    asyncio.run(main())


def with_requests():
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import requests

    local = threading.local()

    def fetch(_):
        session = getattr(local, "session", None)
        if session is None:
            session = local.session = requests.Session()
        answer = session.request(method, url)
        answer.raise_for_status()
        hashlib.sha256(answer.content).hexdigest()

    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        say("ready")
        for line in sys.stdin:
            for _ in pool.map(fetch, range(int(line))):
                pass
            say("done")


try:
    {"aiohttp": with_aiohttp, "requests": with_requests}[mode]()
except Exception as error:
    sys.exit(f"{mode}: {type(error).__name__}: {error}"[:300])
