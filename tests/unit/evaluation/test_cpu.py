import subprocess
import sys

from streams.evaluation.cpu import children, cpu_s, cpu_s_of

_WORK = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"


def test_the_time_of_a_child_counts_while_it_runs() -> None:
    began_s = cpu_s()
    with subprocess.Popen([sys.executable, "-c", _WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert cpu_s() - began_s > 0.25
        child.communicate(b"\n")
    assert cpu_s() - began_s > 0.25


def test_a_child_that_ran_before_can_be_left_out() -> None:
    with subprocess.Popen([sys.executable, "-c", _WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        others = children()
        assert child.pid in others
        began_s = cpu_s() - sum(map(cpu_s_of, others))
        assert child.stdout is not None
        child.stdout.readline()
        assert cpu_s() - sum(map(cpu_s_of, others)) - began_s < 0.25
        child.communicate(b"\n")
