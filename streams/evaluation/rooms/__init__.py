"""Recordings of a fixed camera, rendered: still, dim rooms with people in them, and several recordings of each."""
