"""A function that fetchmill maps over items, as multiprocessing.Pool.map would."""

import json
import os
import sys
import traceback


def serve(function):
    """Answers each line of stdin with function(value), until stdin ends. Needs nothing but Python."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the function prints goes to the log, and not between the answers
    for line in sys.stdin.buffer:
        item = json.loads(line)
        try:
            answer = {"id": item["id"], "value": function(item.get("value"))}
            text = json.dumps(answer, allow_nan=False)
        except Exception as error:
            answer = {"id": item["id"], "error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
            text = json.dumps(answer)
        print(text, file=answers, flush=True)


def invert(n):
    print("inverting", n)
    return 1 / n


if __name__ == "__main__":
    serve(invert)
