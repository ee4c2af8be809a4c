"""ImageService: every image exists, so that a customised image never asks for a container build.

Actions run in the worker's own Python environment. Clients need `image.builder: remote` to ask us at all.
"""

from __future__ import annotations

from typing import Any

from connectrpc.request import RequestContext
from flyteidl2.imagebuilder import definition_pb2, payload_pb2, service_connect

from runs.domain.specs import check_text

REGISTRY = "flyteui.local"
MAX_IMAGE_NAME = 500


class Images(service_connect.ImageService):
    """Answers each image name with the same name in a registry from which nothing is pulled."""

    async def get_image(
        self, request: payload_pb2.GetImageRequest, ctx: RequestContext[Any, Any]
    ) -> payload_pb2.GetImageResponse:
        name = check_text("image name", request.id.name, longest=MAX_IMAGE_NAME)
        return payload_pb2.GetImageResponse(
            image=definition_pb2.Image(id=request.id, fqin=f"{REGISTRY}/{name}")
        )
