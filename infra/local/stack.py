"""The local AWS and the simulator as one thing that starts, deploys, answers and stops.

Everything lies in one folder (`.local` for the demo): `aws/` and `sienge.json` are the data that
a second start finds again, `logs/` what the processes printed, `run/` what runs now.
The local AWS writes its data when it is asked to end; after a crash it starts from the data of
the last clean stop.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import boto3
from botocore.config import Config

from infra.local import build, deploy, processes
from infra.local.processes import Child, StartError

REGION = "us-east-1"
# Known to everybody, worth nothing: the local AWS does not check them.
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # gitleaks:allow
# A function that dies with its batch leaves the messages hidden for the visibility time-out:
# shorter than on AWS, so that one sees the second try.
PARAMETERS = {"ApplyTimeoutSeconds": "20", "DeletionProtection": "false"}


class LocalStack:
    """One local AWS with the deployed template and one simulator."""

    def __init__(self, folder: Path, aws_port: int, simulator_port: int, name: str = "ponte-local") -> None:
        self.folder = folder
        self.aws_port = aws_port
        self.simulator_port = simulator_port
        self.name = name
        self.outputs: dict[str, str] = {}
        self._clients: dict[str, object] = {}
        folder.mkdir(parents=True, exist_ok=True)
        # Tables, secrets, logs and the simulator's people: nobody else's on this machine.
        folder.chmod(0o700)

    # ------------------------------------------------------------ addresses

    @property
    def aws_url(self) -> str:
        """Address of every AWS service."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def simulator_url(self) -> str:
        """Address of the simulator."""
        return f"http://127.0.0.1:{self.simulator_port}"

    @property
    def api_url(self) -> str:
        """Address of the HTTP API; the path form needs no name resolution."""
        return f"{self.aws_url}/_aws/execute-api/{self.outputs['ApiId']}"

    def client(self, service: str):
        """A boto3 client of the local AWS."""
        if service not in self._clients:
            # No retry here: a test or a report wants to see the first answer.
            config = Config(connect_timeout=5, read_timeout=960, retries={"total_max_attempts": 1})
            self._clients[service] = boto3.client(
                service, endpoint_url=self.aws_url, region_name=REGION, config=config, **CREDENTIALS
            )
        return self._clients[service]

    # ------------------------------------------------------------ start and stop

    def start_aws(self) -> Child:
        """Starts the local AWS and waits until it answers."""
        processes.require_free_port(self.aws_port, "AWS local")
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        # Nothing of the caller's AWS settings: the functions inherit this environment.
        env = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "HTTPS_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR") if k in os.environ}
        env |= {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.aws_port),
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.folder / "aws"),
            "TMPDIR": str(scratch),
            # Listeners nobody needs here, and no look at the machine's Docker.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",
        }
        child = processes.start("aws", [sys.executable, "-m", "ministack"], env, self.folder)
        self._settle(child, f"{self.aws_url}/_ministack/health")
        return child

    def start_simulator(self, options: list[str]) -> Child:
        """Starts the simulator of Sienge and waits until it answers."""
        processes.require_free_port(self.simulator_port, "simulador do Sienge")
        binary = build.target_folder() / build.PROFILE / build.SIMULATOR
        argv = [str(binary), "--port", str(self.simulator_port), "--state", str(self.folder / "sienge.json"), *options]
        env = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ} | {"RUST_LOG": "info"}
        child = processes.start("simulator", argv, env, self.folder)
        self._settle(child, f"{self.simulator_url}/_control/health", 60)
        return child

    def deploy(self, binaries: Path, parameters: dict[str, str] | None = None) -> None:
        """Deploys template.yaml; quick when nothing changed."""
        chosen = PARAMETERS | {"Architecture": build.architecture()} | (parameters or {})
        self.outputs = deploy.deploy(
            self.client, self.name, build.ROOT / "template.yaml", binaries, chosen, self.folder / "deployed.json"
        )

    def children(self) -> list[Child]:
        """What runs now, started by this program or by an earlier one."""
        found = [processes.find(name, self.folder) for name in ("simulator", "aws")]
        return [child for child in found if child is not None]

    def stop(self) -> list[str]:
        """Stops everything cleanly; names of what was stopped."""
        stopped = []
        for child in self.children():
            child.stop()
            stopped.append(child.name)
        return stopped

    @staticmethod
    def _settle(child: Child, url: str, timeout_seconds: float = 30) -> None:
        try:
            processes.wait_until_healthy(child, url, timeout_seconds)
        except BaseException:
            child.kill()
            raise

    # ------------------------------------------------------------ what one does with it

    def invoke(self, function: str, event: dict) -> dict:
        """Calls a function and waits for its answer; raises with its error."""
        answer = self.client("lambda").invoke(FunctionName=f"{self.name}-{function}", Payload=json.dumps(event).encode())
        payload = answer["Payload"].read().decode() or "null"
        if answer.get("FunctionError"):
            raise RuntimeError(f"{function}: {payload}")
        return json.loads(payload)

    def scan(self, table: str, **options) -> list[dict]:
        """Every item of a table (or of an index) as plain values; small local tables only."""
        from boto3.dynamodb.types import TypeDeserializer

        plain = TypeDeserializer().deserialize
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs[f"{table}TableName"], **options)
        return [{k: plain(v) for k, v in item.items()} for page in pages for item in page["Items"]]

    def count(self, table: str, **options) -> int:
        """How many items a table (or an index) holds."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(
            TableName=self.outputs[f"{table}TableName"], Select="COUNT", **options
        )
        return sum(page["Count"] for page in pages)

    def waiting(self) -> dict[str, int]:
        """Work not done yet: webhooks pending or unmatched in the journal, messages in the inbox, dead letters."""
        by_state = {"IndexName": "pending", "FilterExpression": "contains(pending_shard, :pending)"}
        pending = self.count("Journal", **by_state, ExpressionAttributeValues={":pending": {"S": "#pending"}})
        sqs = self.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]

        def messages(output: str) -> int:
            got = sqs.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=names)["Attributes"]
            return sum(int(got.get(name, 0)) for name in names)

        return {
            "pending": pending,
            "unmatched": self.count("Journal", IndexName="pending") - pending,
            "queued": messages("InboxQueueUrl"),
            "dead": messages("InboxDeadLettersUrl"),
            "failed_tasks": messages("TaskDeadLettersUrl"),
        }
