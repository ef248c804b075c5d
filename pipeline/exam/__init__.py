"""The exam: forty small questions that show what a model is fit for, marked by code."""

from pipeline.exam.examine import Task, exam_id, marks, tasks_of
from pipeline.exam.skills import NEEDS, SKILLS, Skill

__all__ = ["NEEDS", "SKILLS", "Skill", "Task", "exam_id", "marks", "tasks_of"]
