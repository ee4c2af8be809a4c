"""The real Connect clients, talking to the ASGI application in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pyqwest
import pytest
from flyteidl2.actions.actions_service_connect import ActionsServiceClient
from flyteidl2.auth.auth_service_connect import AuthMetadataServiceClient
from flyteidl2.auth.identity_connect import IdentityServiceClient
from flyteidl2.cluster.service_connect import ClusterServiceClient
from flyteidl2.dataproxy.dataproxy_service_connect import DataProxyServiceClient
from flyteidl2.imagebuilder.service_connect import ImageServiceClient
from flyteidl2.project.project_service_connect import ProjectServiceClient
from flyteidl2.secret.secret_connect import SecretServiceClient
from flyteidl2.task.task_service_connect import TaskServiceClient
from flyteidl2.workflow.run_logs_service_connect import RunLogsServiceClient
from flyteidl2.workflow.run_service_connect import RunServiceClient
from pyqwest.testing import ASGITransport

from runs.api.asgi import application
from tests.support.factories import make_project

ADDRESS = "http://localhost:8000"
APPLICATION: Any = application


class API:
    """One client of each service."""

    def __init__(self) -> None:
        http = pyqwest.Client(ASGITransport(APPLICATION))
        options: dict[str, Any] = {"http_client": http}
        self.runs = RunServiceClient(ADDRESS, **options)
        self.actions = ActionsServiceClient(ADDRESS, **options)
        self.data = DataProxyServiceClient(ADDRESS, **options)
        self.clusters = ClusterServiceClient(ADDRESS, **options)
        self.projects = ProjectServiceClient(ADDRESS, **options)
        self.tasks = TaskServiceClient(ADDRESS, **options)
        self.secrets = SecretServiceClient(ADDRESS, **options)
        self.images = ImageServiceClient(ADDRESS, **options)
        self.auth = AuthMetadataServiceClient(ADDRESS, **options)
        self.identity = IdentityServiceClient(ADDRESS, **options)
        self.logs = RunLogsServiceClient(ADDRESS, **options)


@pytest.fixture
def storage_folder(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    return tmp_path / "storage"


@pytest.fixture
def api(transactional_db: None, storage_folder: Path) -> API:
    make_project()
    return API()


@pytest.fixture
def web(transactional_db: None, storage_folder: Path) -> httpx.AsyncClient:
    """Plain HTTP, as curl speaks it."""
    make_project()
    return httpx.AsyncClient(transport=httpx.ASGITransport(APPLICATION), base_url=ADDRESS)
