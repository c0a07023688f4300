"""MLflow's REST interface, as much of it as reading and promoting need.

Services and the CLI ask for the production version all the time: going through ``mlflow`` would cost each of
them two seconds of import and 150 MB. One small HTTP client costs neither, and its time-outs are ours.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from config.errors import ModelNotFound, RegistryError, RegistryUnavailable

_MISSING = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class MlflowApi:
    """A client of the MLflow server at ``url``; safe to share between threads.

    Args:
        url: tracking URI, such as ``http://127.0.0.1:5000``.
        timeout: seconds that a single answer may take.
        attempts: how often a call is tried while the server cannot be reached.
        pause: seconds between the attempts.
    """

    def __init__(self, url: str, *, timeout: float = 10.0, attempts: int = 2, pause: float = 0.3) -> None:
        self.url = url.rstrip("/")
        self._attempts, self._pause = attempts, pause
        # A proxy from the environment is for the outside, never for this machine.
        outside = urlsplit(self.url).hostname not in _LOOPBACK
        self._client = httpx.Client(
            base_url=self.url, timeout=httpx.Timeout(timeout, connect=2.0), trust_env=outside
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def check(self) -> None:
        """Raise RegistryUnavailable unless the server answers."""
        self._send("GET", "/health")

    def get(self, path: str, /, **params: str | int) -> dict[str, Any]:
        """GET ``/api/2.0/mlflow/<path>``."""
        return self._send("GET", f"/api/2.0/mlflow/{path}", params=params).json()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST ``body`` to ``/api/2.0/mlflow/<path>``."""
        return self._send("POST", f"/api/2.0/mlflow/{path}", json=body).json()

    def delete(self, path: str, body: dict[str, Any]) -> None:
        """DELETE ``/api/2.0/mlflow/<path>``."""
        self._send("DELETE", f"/api/2.0/mlflow/{path}", json=body)

    def download(self, artifact: str) -> bytes:
        """Bytes of an artifact by its path below the server's artifact root."""
        return self._send("GET", f"/api/2.0/mlflow-artifacts/artifacts/{quote(artifact)}").content

    def delete_artifact(self, artifact: str) -> None:
        """Delete an artifact by its path below the server's artifact root."""
        self._send("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{quote(artifact)}")

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(self._pause)
            try:
                response = self._client.request(method, path, **options)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                continue
            if response.status_code < 500:
                return _checked(response)
            reason = f"it answered {response.status_code}"
        raise RegistryUnavailable(
            f"MLflow at {self.url} cannot be used: {reason}.",
            hint="See `assay status`; if it runs elsewhere, check MLFLOW_TRACKING_URI.",
        )


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    message = str(problem.get("message") or f"HTTP {response.status_code}")
    code = str(problem.get("error_code", ""))
    # MLflow calls an alias that is not there an invalid parameter.
    if response.status_code == 404 or code in _MISSING or message.endswith("not found."):
        raise ModelNotFound(f"MLflow: {message.rstrip('.')}.", hint="See `assay models list`.")
    if response.status_code in (401, 403):
        raise RegistryError(
            f"MLflow refused access: {message.rstrip('.')}.",
            hint="Put the user and password into MLFLOW_TRACKING_URI.",
        )
    raise RegistryError(f"MLflow refused the request: {message.rstrip('.')}.")
