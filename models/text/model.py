"""Text model: descriptors of meaning, near each other for paraphrases and translations."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from sentencepiece import SentencePieceProcessor

from models.text.export import resources

MAX_TOKENS = 256
"""Most tokens of one text, start and end marks included; the rest is cut off. A caption of about 1,000 letters fits."""
_MAX_CHARACTERS = 16 * MAX_TOKENS
"""Most characters passed to the tokenizer: no piece of its vocabulary is longer than 16 characters."""
_MAX_BATCH_TOKENS = 4096
_DIMENSIONS = 512


class TextModel:
    """Describes texts; made by the registry."""

    def __init__(self, session: ort.InferenceSession, name: str, version: str) -> None:
        self.name = name
        self.version = version
        self._session = session
        self._tokenizer = SentencePieceProcessor(model_file=str(resources() / "sp.model"))

    def describe(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Describe texts; float32, shape (n, 512), rows of length 1.

        A blank text has a row of zeros: it is similar to nothing.
        """
        ids = [self._ids(text) for text in texts]
        vectors = np.zeros((len(texts), _DIMENSIONS), dtype=np.float32)
        # Sorted by length, so that little of a batch is padding.
        order = sorted((index for index, tokens in enumerate(ids) if tokens), key=lambda index: len(ids[index]))
        for batch in _batches(order, ids):
            vectors[batch] = self._run([ids[index] for index in batch])
        return vectors

    def _ids(self, text: str) -> list[int]:
        """Token ids with start and end marks; none for a blank text."""
        pieces: list[int] = self._tokenizer.encode(" ".join(text.split())[:_MAX_CHARACTERS])[: MAX_TOKENS - 2]
        return [self._tokenizer.bos_id(), *pieces, self._tokenizer.eos_id()] if pieces else []

    def _run(self, ids: list[list[int]]) -> npt.NDArray[np.float32]:
        shape = (len(ids), max(map(len, ids)))
        padded = np.zeros(shape, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.float32)
        for row, tokens in enumerate(ids):
            padded[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1.0
        embedding: npt.NDArray[np.float32] = self._session.run(["embedding"], {"ids": padded, "mask": mask})[0]
        return embedding


def _batches(order: list[int], ids: list[list[int]]) -> list[list[int]]:
    """Cut an order by rising length into runs of at most 4,096 tokens, padding counted."""
    batches: list[list[int]] = []
    for index in order:
        if not batches or (len(batches[-1]) + 1) * len(ids[index]) > _MAX_BATCH_TOKENS:
            batches.append([])
        batches[-1].append(index)
    return batches
