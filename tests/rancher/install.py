"""The handler of ``?action=install`` and ``?action=upgrade``: Rancher's order of steps and side effects."""

from dataclasses import dataclass, field
from itertools import count

from .body import ChartWish, Wish, read_wish
from .charts import find_chart
from .cluster import Cluster
from .errors import Answer, go_json, server_error
from .faults import Step
from .helm import Command
from .operations import Operations
from .record import Release
from .repositories import duration
from .request import Request
from .store import Exists
from .upstreams import Chart
from .users import RIVAL, User

CREATED = 201


@dataclass
class Installs:
    """The handler in one cluster."""

    cluster: Cluster
    operations: Operations
    _posts: "count[int]" = field(default_factory=count)

    async def handle(self, request: Request, repo: str, action: str) -> Answer:
        """Serve a POST.

        Raises:
            Refusal: it answers with an error; what it had made by then stays.
            Ended: it ends without an answer.
        """
        await request.reach(Step.CHART)
        wish = read_wish(request.body)
        assert request.member is not None
        found = [await find_chart(self.cluster, request.member, repo, one.chart, one.version) for one in wish.charts]
        await request.reach(Step.USER)
        commands = _commands(wish, found, repo, action)
        request.rival = lambda: self.start(RIVAL, wish.namespace, commands, action)
        work = Work(self, request, request.caller, wish, commands, next(self._posts))
        name = await work.run(action)
        output = {"type": "chartActionOutput", "links": {}, "operationName": name}
        return Answer(CREATED, go_json(output | {"operationNamespace": wish.namespace}).encode())

    async def uninstall(self, request: Request, namespace: str, name: str) -> Answer:
        """Serve a POST that removes a release."""
        await request.reach(Step.USER)
        arguments = ("helm", "uninstall", f"--namespace={namespace}", name)
        commands = (Command("uninstall", namespace, name, arguments=arguments),)
        operation = self.start(request.caller, namespace, commands, "uninstall")
        output = {"type": "chartActionOutput", "links": {}, "operationName": operation}
        return Answer(CREATED, go_json(output | {"operationNamespace": namespace}).encode())

    def start(self, user: User, namespace: str, commands: tuple[Command, ...], action: str = "install") -> str:
        """What somebody else's POST does, all at once; return the Operation's name."""
        post = next(self._posts)
        releases = _releases(self.cluster, namespace, commands)
        self.cluster.world.record.add("effect", made="pod", post=post, user=user.id, releases=releases)
        pod = self.operations.start_pod(namespace, commands, user)
        self.operations.make_operation(pod)
        self.operations.fill_status(pod, action, "")
        self.cluster.grants.add((user.id, namespace, pod.name))
        return pod.name


def _releases(cluster: Cluster, namespace: str, commands: tuple[Command, ...]) -> tuple[Release, ...]:
    return tuple(Release(cluster.id, namespace, command.release) for command in commands)


def _commands(wish: Wish, found: list[Chart], repo: str, action: str) -> tuple[Command, ...]:
    """One chart is installed; several are each upgraded or installed."""
    verb = "upgrade" if action == "upgrade" or len(found) > 1 else "install"
    return tuple(_command(wish, one, chart, repo, verb) for one, chart in zip(wish.charts, found, strict=True))


def _command(wish: Wish, one: ChartWish, chart: Chart, repo: str, verb: str) -> Command:
    flags = {
        "description": one.description,
        "generate-name": "" if one.release or verb != "install" else "true",
        "history-max": "5" if verb == "upgrade" else "",
        "install": "true" if verb == "upgrade" else "",
        "labels": f"catalog.cattle.io/cluster-repo-name={repo}",
        "namespace": wish.namespace,
        "timeout": _go_duration(wish.timeout),
        "values": f"/home/shell/helm/values-{chart.name}-{chart.version}.yaml" if one.values else "",
        "version": chart.version,
        "wait": "true" if wish.wait else "",
    }
    arguments = ["helm", verb, *(f"--{name}={value}" for name, value in flags.items() if value)]
    arguments += [one.release] * bool(one.release) + [f"/home/shell/helm/{chart.name}-{chart.version}.tgz"]
    return Command(verb, wish.namespace, one.release, chart, repo, one.description, one.values, tuple(arguments))


def _go_duration(text: str) -> str:
    """A duration as Go prints it again; only whole seconds are normalised."""
    seconds = text.removesuffix("s")
    if seconds == "0":
        return ""
    return duration(float(seconds)) if seconds.isdigit() else text


@dataclass
class Work:
    """What one POST makes, in order."""

    installs: Installs
    request: Request
    user: User
    wish: Wish
    commands: tuple[Command, ...]
    post: int

    async def run(self, action: str) -> str:
        """Make everything, and return the Operation's name."""
        await self._namespace()
        await self._make(Step.SERVICE_ACCOUNT)
        await self._make(Step.CLUSTER_ROLE)
        await self._make(Step.ROLE_BINDING)
        world = self.installs.cluster.world
        await world.clock.sleep(world.timing.token_poll)
        await self._make(Step.TOKEN_SECRET)
        await self._make(Step.SECRETS)
        await self._pause(Step.POD)
        self._note("pod")
        operations = self.installs.operations
        pod = operations.start_pod(self.wish.namespace, self.commands, self.user)
        await self._make(Step.OPERATION)
        operations.make_operation(pod)
        await self._pause(Step.STATUS)
        operations.fill_status(pod, action, self.wish.project)
        await self._make(Step.ROLE)
        await self._make(Step.BINDING)
        self.installs.cluster.grants.add((self.user.id, self.wish.namespace, pod.name))
        return pod.name

    async def _namespace(self) -> None:
        cluster, name = self.installs.cluster, self.wish.namespace
        await self._pause(Step.NAMESPACE)
        if not self.user.may("namespaces.get", cluster.id):
            raise server_error(self.user.forbidden("get", "namespaces", name, name))
        if cluster.store.get("namespaces", name):
            return
        if not self.user.may("namespaces.create", cluster.id):
            raise server_error(self.user.forbidden("create", "namespaces"))
        try:
            cluster.store.create("namespaces", {"metadata": {"name": name}})
        except Exists:
            return
        self._note("namespace")

    async def _make(self, step: Step) -> None:
        await self._pause(step)
        self._note(str(step))

    async def _pause(self, step: Step) -> None:
        """A call to the API server: it takes its time, and may be the last one."""
        await self.request.reach(step)
        world = self.installs.cluster.world
        world.record.add("step", step=str(step), post=self.post, request=self.request.number)
        await world.clock.sleep(world.timing.step)

    def _note(self, made: str) -> None:
        cluster = self.installs.cluster
        releases = _releases(cluster, self.wish.namespace, self.commands)
        cluster.world.record.add(
            "effect", made=made, post=self.post, user=self.user.id, releases=releases, request=self.request.number
        )
