"""Serve one GGUF file with llama.cpp on 127.0.0.1 until the parent process goes.

Run as `python -m pipeline.serving.embedded_server`; `servers.EmbeddedServer` does.
"""

import argparse
import os
import sys
import threading

from pipeline.serving.parent_watch import die_with_parent, when_parent_dies

__all__ = ["main"]

LONGEST_CONTEXT = 32_768  # tokens that all slots share: about 1 GB of cache with a 1.5 B model
CACHE_MIB = 1024  # for prompts that lost their slot; llama.cpp's own 8 GiB would be more than small machines have


def main() -> None:
    """Load the model and serve it; log lines go to standard error."""
    parser = argparse.ArgumentParser()
    for text in ("--model", "--alias", "--slots"):
        parser.add_argument(text, required=True)
    for number in ("--port", "--parallel", "--context", "--threads"):
        parser.add_argument(number, type=int, required=True)
    arguments = parser.parse_args()
    die_with_parent()
    when_parent_dies(lambda: os._exit(0))
    import xllamacpp  # 0.3 s and native code: only where it serves

    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments.model
    parameters.model_alias = {arguments.alias}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = arguments.port
    parameters.n_parallel = arguments.parallel
    parameters.n_ctx = max(arguments.context, min(arguments.context * arguments.parallel, LONGEST_CONTEXT))
    parameters.kv_unified = True  # one pool for all slots, so that a long prompt may use what short ones leave
    parameters.cache_idle_slots = False  # else each request would empty the slots that are idle, and their prompts be computed again
    parameters.cache_ram_mib = CACHE_MIB
    parameters.slot_save_path = os.path.join(arguments.slots, "")  # llama.cpp puts the file's name right behind it
    parameters.endpoint_slots = True
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = arguments.threads
    parameters.endpoint_metrics = True
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:  # llama.cpp has logged the reason; a traceback would push it out of the last lines
        sys.exit(str(error))
    threading.Event().wait()
    del server


if __name__ == "__main__":
    main()
