"""The exam: some forty small questions that show what a model is fit for, marked by code."""

from pipeline.exam.examine import Task, exam_id, in_turn, marks, tasks_of
from pipeline.exam.skills import NEEDS, SKILLS, Skill, carries

__all__ = ["NEEDS", "SKILLS", "Skill", "Task", "carries", "exam_id", "in_turn", "marks", "tasks_of"]
