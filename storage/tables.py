"""The platform's own tables, all of them. Alembic (``migrations/``) makes them; a test keeps the two the same.

Every count is a whole number of at least zero, every time is with time zone (UTC), an absent value is NULL.
"""

from __future__ import annotations

from storage.account_tables import AdminSession, AdminUser, Erasure, LoginAttempt
from storage.base import Base, EntityId
from storage.candidate_tables import Candidate, ImageHash, Review
from storage.content_tables import (
    Content,
    MediaJob,
    ModerationAppeal,
    ModerationDecision,
    ModerationReview,
    TextLabel,
    WebhookDelivery,
)
from storage.ctr_tables import Clip, ClipOutcome, CtrPrediction
from storage.experiment_tables import (
    Experiment,
    ExperimentChange,
    ExperimentDecision,
    ExperimentModel,
    ExperimentVariant,
)
from storage.monitor_tables import (
    MonitorAction,
    MonitorFigure,
    MonitorFinding,
    MonitorReport,
    RetentionRun,
    Rollout,
    ShadowAnswer,
)
from storage.prediction_tables import Prediction, UserStyle
from storage.recommendation_tables import Event, FeatureFlag, FeatureFlagChange, Item, RecommendationList
from storage.trending_tables import (
    Trend,
    TrendAccount,
    TrendBucket,
    TrendContribution,
    TrendList,
    TrendOveractive,
    TrendState,
    TrendWindow,
)
from storage.version_tables import DatasetVersion, ImportRun, Promotion
from storage.viral_tables import Creator, EngagementSnapshot, Video

__all__ = [
    "AdminSession",
    "AdminUser",
    "Base",
    "Candidate",
    "Clip",
    "ClipOutcome",
    "Content",
    "Creator",
    "CtrPrediction",
    "DatasetVersion",
    "EngagementSnapshot",
    "EntityId",
    "Erasure",
    "Event",
    "Experiment",
    "ExperimentChange",
    "ExperimentDecision",
    "ExperimentModel",
    "ExperimentVariant",
    "FeatureFlag",
    "FeatureFlagChange",
    "ImageHash",
    "ImportRun",
    "Item",
    "LoginAttempt",
    "MediaJob",
    "ModerationAppeal",
    "ModerationDecision",
    "ModerationReview",
    "MonitorAction",
    "MonitorFigure",
    "MonitorFinding",
    "MonitorReport",
    "Prediction",
    "Promotion",
    "RecommendationList",
    "RetentionRun",
    "Review",
    "Rollout",
    "ShadowAnswer",
    "TextLabel",
    "Trend",
    "TrendAccount",
    "TrendBucket",
    "TrendContribution",
    "TrendList",
    "TrendOveractive",
    "TrendState",
    "TrendWindow",
    "UserStyle",
    "Video",
    "WebhookDelivery",
]
