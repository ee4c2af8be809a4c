"""ClusterService: there is one cluster, this server. Short, because each Connect service has a module of its name."""

from __future__ import annotations

from typing import Any

from connectrpc.request import RequestContext
from flyteidl2.cluster import payload_pb2, service_connect


class Clusters(service_connect.ClusterService):
    """An empty endpoint makes the client keep the connection that it has."""

    async def select_cluster(
        self, request: payload_pb2.SelectClusterRequest, ctx: RequestContext[Any, Any]
    ) -> payload_pb2.SelectClusterResponse:
        return payload_pb2.SelectClusterResponse(cluster_endpoint="")
