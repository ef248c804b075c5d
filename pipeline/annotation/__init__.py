"""Labels: the model chooses a category for each sampled document, and the choice is calibrated."""

from pipeline.annotation.annotate import annotate, llm_annotator
from pipeline.annotation.calibrate import calibrate, leaning, teacher_annotator
from pipeline.annotation.split import held_out

__all__ = ["annotate", "calibrate", "held_out", "leaning", "llm_annotator", "teacher_annotator"]
