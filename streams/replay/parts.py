"""Components of a run."""

from dataclasses import dataclass

from schemas.codec import Codec
from streams.engine.dead_letter_limit import DeadLetterLimit
from streams.fusion.join_window import JoinWindow
from streams.replay.chain import Chain
from streams.replay.merged_reader import MergedReader
from streams.replay.run_cases import RunCases
from streams.replay.run_state import RunState
from streams.replay.run_writer import RunWriter
from streams.replay.stages import Stages


@dataclass(frozen=True, slots=True)
class Parts:
    """Components that read, process and write the records of a run."""

    reader: MergedReader
    stages: Stages
    chain: Chain
    cases: RunCases
    window: JoinWindow
    state: RunState
    run_writer: RunWriter
    codec: Codec
    limit: DeadLetterLimit
    keeps: frozenset[str]
    """Topics whose records are written; those of other topics stay in memory."""
