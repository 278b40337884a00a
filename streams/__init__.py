import models  # noqa: F401 - first: what it keeps ONNX Runtime from must be known at its import
