"""Secrets in the engine: scopes, races, what a lease gets, keys that change."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from flyteidl2.core import security_pb2
from flyteidl2.task import task_definition_pb2

from runs.domain.errors import AlreadyExists, Invalid, NotFound
from runs.domain.secrets import SecretRef
from runs.domain.specs import TaskFacts, read_task_spec
from runs.engine import leases, secrets
from runs.models import Project, Secret
from runs.protocol import frames
from runs.store import ciphers
from tests.support.racing import race
from tests.support.scene import DOMAIN, PROJECT, Scene, task_spec

pytestmark = pytest.mark.django_db
VALUE = b"correct horse battery staple"
HERE, OF_DOMAIN, EVERYWHERE = (
    SecretRef("TOKEN", PROJECT, DOMAIN),
    SecretRef("TOKEN", "", DOMAIN),
    SecretRef("TOKEN"),
)
ANY, VARIABLE, FILE = security_pb2.Secret.ANY, security_pb2.Secret.ENV_VAR, security_pb2.Secret.FILE


def asking(
    *keys: str, name: str = "env.main", how: Any = VARIABLE, variable: str = "TOKEN", retries: int = 0
) -> bytes:
    """A task that asks for these secrets."""
    spec = task_definition_pb2.TaskSpec.FromString(task_spec(name, retries=retries))
    for key in keys:
        spec.task_template.security_context.secrets.add(key=key, mount_requirement=how, env_var=variable)
    return spec.SerializeToString(deterministic=True)


class AskingScene(Scene):
    """A run whose root asks for a secret."""

    def __init__(self, spec: bytes) -> None:
        self._spec = spec
        super().__init__()

    def create_run(self, task: Any) -> Any:
        del task
        return super().create_run(facts(self._spec))


def facts(spec: bytes) -> TaskFacts:
    return read_task_spec(spec)


def given(spec: bytes) -> list[tuple[str, str, bytes]]:
    """What the first lease of a task brings."""
    (lease,) = AskingScene(spec).lease()
    return [(one.key, one.variable, one.value) for one in lease.secrets]


def problem(spec: bytes) -> tuple[str, str]:
    (lease,) = AskingScene(spec).lease()
    assert lease.problem is not None
    assert lease.secrets == []
    assert not lease.problem.recoverable
    return lease.problem.code, lease.problem.message


@pytest.fixture(autouse=True)
def _project() -> None:
    Project.objects.get_or_create(name=PROJECT)


def test_the_narrowest_scope_wins_and_others_are_not_looked_at():
    Project.objects.create(name="other")
    for ref in (EVERYWHERE, OF_DOMAIN, HERE):
        secrets.create_secret(ref, f"of {ref.scope}".encode())
    for ref in (
        SecretRef("TOKEN", "other", DOMAIN),
        SecretRef("TOKEN", PROJECT, "production"),
        SecretRef("TOKEN", "", "staging"),
    ):
        secrets.create_secret(ref, b"of somebody else")

    found = []
    for ref in (HERE, OF_DOMAIN, EVERYWHERE):
        found += given(asking("TOKEN"))
        secrets.delete_secret(ref)

    assert found == [("TOKEN", "TOKEN", f"of {ref.scope}".encode()) for ref in (HERE, OF_DOMAIN, EVERYWHERE)]
    assert problem(asking("TOKEN"))[0] == "SecretNotFound"


def test_a_missing_secret_names_itself_where_was_looked_and_the_command_that_creates_it():
    code, message = problem(asking("api-key", "TOKEN"))

    assert code == "SecretNotFound"
    assert (
        "There is no secret 'api-key' in flytesnacks/development, domain development or the organisation. "
        "Create it: flyte create secret api-key --project flytesnacks --domain development" in message
    )
    assert "'TOKEN'" in message


def test_a_group_is_named_and_chooses_nothing():
    spec = task_definition_pb2.TaskSpec.FromString(task_spec())
    spec.task_template.security_context.secrets.add(key="pass-word", group="db", mount_requirement=ANY)
    data = spec.SerializeToString()

    assert "'pass-word' (group 'db')" in problem(data)[1]
    secrets.create_secret(SecretRef("pass-word"), VALUE)
    assert given(data) == [("pass-word", "DB_PASS_WORD", VALUE)]


def test_a_key_that_no_secret_can_have_is_missing_without_a_command():
    _, message = problem(asking("../../etc/passwd"))

    assert message.endswith("No secret can be named so.")


@pytest.mark.parametrize("value", [b"\xff\xfe binary", b"with a\0NUL"])
def test_what_is_binary_comes_as_a_file_only(value: bytes):
    secrets.create_secret(EVERYWHERE, value)

    code, message = problem(asking("TOKEN"))
    assert (code, "mount=" in message) == ("SecretNotText", True)
    assert given(asking("TOKEN", how=FILE)) == [("TOKEN", "", value)]


def test_a_child_on_the_fast_path_and_a_repeated_lease_bring_the_values():
    secrets.create_secret(EVERYWHERE, VALUE)
    scene = Scene()
    scene.start()

    (result,) = scene.batch(scene.enqueue("c1", spec=asking("TOKEN", name="env.child")))
    again = scene.resend(scene.enqueue("c1", spec=asking("TOKEN", name="env.child")))
    reconnected = leases.connect_executor(scene.hello(scene.executor_id, scene.epoch))

    lost = {lease.key.name: lease for lease in reconnected.missing}
    for lease in (result.lease, again[0].lease, lost["c1"]):
        assert lease is not None
        assert [one.value for one in lease.secrets] == [VALUE]
    assert lost["a0"].secrets == []


def test_a_task_without_secrets_costs_no_statement(django_assert_num_queries):
    scene = Scene()
    scene.start()
    (before,) = scene.batch(scene.enqueue("warm"))
    vault = secrets.Vault(scene.run)
    assert before.lease is not None

    with django_assert_num_queries(0):
        assert vault.fill(before.lease, ()) is before.lease


def test_many_children_that_ask_for_the_same_secret_read_it_once(django_assert_num_queries):
    secrets.create_secret(EVERYWHERE, VALUE)
    scene = Scene()
    (lease,) = scene.lease()
    vault, wanted = secrets.Vault(scene.run), facts(asking("TOKEN")).secrets
    assert scene.run.project.name == PROJECT

    with django_assert_num_queries(1):
        filled = [vault.fill(lease, wanted) for _ in range(100)]

    assert all(one.secrets[0].value == VALUE for one in filled)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ref", [HERE, OF_DOMAIN, EVERYWHERE])
def test_of_two_that_create_the_same_secret_at_once_one_does(ref: SecretRef):
    results = race(*(lambda who=who: secrets.create_secret(ref, VALUE, actor=who) for who in ("ann", "bob")))

    assert [type(result) for result in results if result is not None] == [AlreadyExists]
    assert Secret.objects.count() == 1


def test_a_value_that_is_replaced_says_by_whom():
    secrets.create_secret(HERE, VALUE, actor="ann")
    secrets.replace_secret(HERE, b"another", actor="bob")

    row = Secret.objects.get()
    assert (row.created_by, row.updated_by, row.updated_at is not None) == ("ann", "bob", True)
    assert given(asking("TOKEN")) == [("TOKEN", "TOKEN", b"another")]


@pytest.mark.parametrize(
    ("ref", "value", "what"),
    [
        (SecretRef("with space"), VALUE, "secret name 'with space' must be"),
        (SecretRef(""), VALUE, "secret name '' must be"),
        (SecretRef("TOKEN", PROJECT), VALUE, "name the domain"),
        (SecretRef("TOKEN", "", "nowhere"), VALUE, "there is no domain 'nowhere'"),
        (EVERYWHERE, b"", "is empty"),
        (EVERYWHERE, b"x" * 65_537, "65,537 bytes"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_by_name(ref: SecretRef, value: bytes, what: str):
    with pytest.raises(Invalid, match=what.replace("(", "\\(")):
        secrets.create_secret(ref, value)


def test_what_is_not_there_is_refused_by_name():
    with pytest.raises(NotFound, match="there is no project 'nobody'"):
        secrets.create_secret(SecretRef("TOKEN", "nobody", DOMAIN), VALUE)
    for change in (lambda: secrets.delete_secret(HERE), lambda: secrets.replace_secret(HERE, VALUE)):
        with pytest.raises(NotFound, match="there is no secret 'TOKEN' of flytesnacks/development"):
            change()


def test_a_value_is_nowhere_in_the_database_and_cannot_move_to_another_row():
    secrets.create_secret(EVERYWHERE, VALUE)
    secrets.create_secret(SecretRef("OTHER"), b"something")

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM runs_secret")
        assert all(VALUE not in bytes(str(row), "utf-8") for row in cursor.fetchall())
    Secret.objects.filter(name="OTHER").update(value=Secret.objects.get(name="TOKEN").value)

    assert problem(asking("OTHER"))[0] == "SecretUnreadable"


def test_after_a_change_of_the_key_old_values_are_read_by_the_fallback_and_renewed(settings):
    secrets.create_secret(EVERYWHERE, VALUE)
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "quite another key"

    code, message = problem(asking("TOKEN"))
    assert (code, "FLYTEUI_SECRET_KEY_FALLBACKS" in message) == ("SecretUnreadable", True)
    assert secrets.renew_secrets() == (0, [EVERYWHERE])

    settings.SECRET_KEY_FALLBACKS = [old]
    assert given(asking("TOKEN")) == [("TOKEN", "TOKEN", VALUE)]
    assert secrets.renew_secrets() == (1, [])
    settings.SECRET_KEY_FALLBACKS = []
    assert given(asking("TOKEN")) == [("TOKEN", "TOKEN", VALUE)]


def test_the_servers_environment_has_what_no_scope_has(settings, monkeypatch):
    settings.SECRETS_PREFIX = "TASKS_"
    monkeypatch.setenv("TASKS_API_KEY", "from outside")
    monkeypatch.setenv("TASKS_EMPTY", "")

    assert secrets.server_names() == ["API_KEY"]
    assert given(asking("api-key")) == [("api-key", "TOKEN", b"from outside")]
    secrets.create_secret(SecretRef("api-key"), VALUE)
    assert given(asking("api-key")) == [("api-key", "TOKEN", VALUE)]
    assert "the server's environment (TASKS_EMPTY)" in problem(asking("EMPTY"))[1]


def test_a_task_that_asks_for_what_no_variable_is_called_is_refused_and_does_not_keep_others_from_their_leases():
    spec = asking("TOKEN", variable="no variable")

    with pytest.raises(Invalid, match="'no variable', which is no name of one"):
        facts(spec)
    assert leases.wanted_by(spec) == ()


def test_a_value_does_not_show_when_its_lease_is_printed():
    secrets.create_secret(EVERYWHERE, VALUE)
    (lease,) = AskingScene(asking("TOKEN")).lease()

    assert lease.secrets == [frames.SecretValue("TOKEN", "TOKEN", VALUE)]
    assert "horse" not in repr(lease)


def test_a_ciphertext_does_not_say_how_a_value_was_encrypted_before():
    assert ciphers.encrypt(EVERYWHERE, VALUE) != ciphers.encrypt(EVERYWHERE, VALUE)
    assert ciphers.decrypt(EVERYWHERE, ciphers.encrypt(EVERYWHERE, VALUE)) == VALUE
