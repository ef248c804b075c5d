"""Engines behind one client: structured answers with scores, retries, and a ledger of calls."""

from pipeline.serving.client import OpenAIChat
from pipeline.serving.contract import Answer, AnswerForm, Chat, Choice, Ledger, Line, Message, Outcome, Question, Structured
from pipeline.serving.engines import EmbeddedServer, RemoteServer, VllmServer, describe_engine, open_chat
from pipeline.serving.replicas import Server
from pipeline.serving.spending import Spending

__all__ = [
    "Answer",
    "AnswerForm",
    "Chat",
    "Choice",
    "EmbeddedServer",
    "Ledger",
    "Line",
    "Message",
    "OpenAIChat",
    "Outcome",
    "Question",
    "RemoteServer",
    "Server",
    "Spending",
    "Structured",
    "VllmServer",
    "describe_engine",
    "open_chat",
]
