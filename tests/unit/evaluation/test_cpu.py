import subprocess
import sys

from streams.evaluation.cpu import cpu_s

_WORK = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"


def test_the_time_of_a_child_counts_while_it_runs() -> None:
    began_s = cpu_s()
    with subprocess.Popen([sys.executable, "-c", _WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert cpu_s() - began_s > 0.25
        child.communicate(b"\n")
    assert cpu_s() - began_s > 0.25
