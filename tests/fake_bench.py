"""A stand-in for llama-bench that can do everything a real one should not.

It stands in for faults and for time only: what it prints has the form of real output. The file
named by FAKE_BENCH_LOG gets a line for each call; FAKE_BENCH says how to behave.
"""

import json
import os
import sys
import time

arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
n_prompt, n_gen = int(arguments["-p"]), int(arguments["-n"])
repetitions = int(arguments["-r"])
workload = f"pp{n_prompt}" if n_prompt else f"tg{n_gen}"
with open(os.environ["FAKE_BENCH_LOG"], "a") as log:
    log.write(f"{os.environ.get('FAKE_BENCH_NAME', '')} {workload}\n")

result = {
    "build_commit": "unknown",
    "model_filename": arguments["-m"],
    "n_threads": int(arguments["-t"]),
    "n_prompt": n_prompt,
    "n_gen": n_gen,
    "a_field_of_the_future": {"kept": True},
    "samples_ns": [int(os.environ.get("FAKE_BENCH_NS", "1000000"))] * repetitions,
}
if "FAKE_BENCH_SLEEP" in os.environ:  # real time, measured as llama-bench measures it
    for index in range(repetitions):
        begun = time.perf_counter_ns()
        time.sleep(float(os.environ["FAKE_BENCH_SLEEP"]))
        result["samples_ns"][index] = time.perf_counter_ns() - begun
match os.environ.get("FAKE_BENCH", "ok"):
    case "ok":
        print(json.dumps(result))
    case "crash":
        print("segmentation fault in sight", file=sys.stderr, flush=True)
        os.abort()
    case "exit":
        print("error: failed to load model", file=sys.stderr)
        sys.exit(1)
    case "hang":
        time.sleep(600)
    case "nothing":
        pass
    case "half":
        print(json.dumps(result)[:-30])
    case "nan":
        print(json.dumps({**result, "samples_ns": [float("nan")] * repetitions}))
    case "zero":
        print(json.dumps({**result, "samples_ns": [0] * repetitions}))
    case "negative":
        print(json.dumps({**result, "samples_ns": [-5] * repetitions}))
    case "fewer":
        print(json.dumps({**result, "samples_ns": [1000]}))
    case "other":
        print(json.dumps({**result, "n_prompt": n_prompt + 1}))
    case "twice":
        print(json.dumps(result))
        print(json.dumps(result))
    case "list":
        print("[1, 2]")
