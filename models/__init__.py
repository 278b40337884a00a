import os

# Unless this is set before its first import, ONNX Runtime collects what it does for its maker (its Privacy.md).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
