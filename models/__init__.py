import os

# ONNX Runtime reports its use to Microsoft unless this is set before its first import (its Privacy.md).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
