"""ImageService: which images were built here. What is not in our table, the client has built by a run of build-image.

Clients need `image.builder: remote` to ask us at all, which the config.yaml of `manage.py up` sets.
"""

from __future__ import annotations

from typing import Any

from connectrpc.request import RequestContext
from flyteidl2.common import identifier_pb2
from flyteidl2.imagebuilder import definition_pb2, payload_pb2, service_connect

from runs.domain.images import MAX_IMAGE_NAME, full_name, plain_name
from runs.domain.specs import check_text
from runs.queries import images
from runs.store import database


class Images(service_connect.ImageService):
    """An image that is built is named in a registry from which nothing is pulled."""

    async def get_image(
        self, request: payload_pb2.GetImageRequest, ctx: RequestContext[Any, Any]
    ) -> payload_pb2.GetImageResponse:
        name = plain_name(check_text("image name", request.id.name, longest=MAX_IMAGE_NAME))
        built = await database.read(images.get_built, name)
        answer = definition_pb2.Image(id=request.id, fqin=full_name(name))
        if built.run is not None:
            answer.build_run.CopyFrom(
                identifier_pb2.RunIdentifier(
                    org=built.org, project=built.run.project, domain=built.run.domain, name=built.run.name
                )
            )
        return payload_pb2.GetImageResponse(image=answer)
