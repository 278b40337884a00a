import models  # noqa: F401 - first: it switches ONNX Runtime's telemetry off, which must precede its import
