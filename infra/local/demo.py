"""`make demo`: everything from nothing to a running system that has done its main job."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import time
import urllib.parse

from botocore.exceptions import BotoCoreError, ClientError

from infra import api_keys
from infra import tenant as tenants
from infra.command import CommandError, secret_in
from infra.local import build, processes
from infra.local.processes import StartError
from infra.local.memory import FOLDER, Memory, command
from infra.local.report import Report, number
from infra.local.scenario import Scenario, ScenarioError, Story
from infra.local.simulator import Simulator
from infra.local.stack import LocalStack

TENANT = "617"  # the playbook's own example
SIMULATED = "demonstracao"  # subdomain of the demo tenant in the simulator
# Open in it: some 50 sales contracts and as many bills entered by hand; each bill is a contract of the portfolio.
SIMULATOR_OPTIONS = ["--seed", "7", "--contracts", "50", "--installments", "6000", "--time-scale", "60"]
INTERRUPTED = 130  # exit code: ended before its main job was done
PLURALS = {"pagamento total": "pagamentos totais"}


def demo(options: argparse.Namespace) -> int:
    """The command; answers the exit code."""
    report = Report()
    folder = options.folder
    memory = Memory(folder)
    stack = LocalStack(folder, *options.ports)
    if stack.children():
        report.say(f"O Ponte local já está em execução (pare com: {command('make stop', folder)}).")
        return 1
    # Asked to end (make stop, a closed terminal): the same clean way as Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    note = processes.note("demo", os.getpid(), "infra.local", folder)
    leave_running, code = False, INTERRUPTED
    try:
        prepare(stack, memory, options, report)
        sienge, own_simulator = connect(stack, memory, options, report)
        story = play(stack, memory, sienge, own_simulator, options, report)
        code = 0 if story is None or passed(story) else 1
        addresses(stack, report, own_simulator)
        if options.detach:
            leave_running = True
            report.say(f"\nContinua em segundo plano. Pare com: {command('make stop', folder)}")
        else:
            report.say("\nCtrl-C encerra (os dados ficam para a próxima vez).")
            wait(stack)
        return code
    except (StartError, ScenarioError, CommandError, BotoCoreError, ClientError) as error:
        report.say(f"\nErro: {error}")
        return 1
    except KeyboardInterrupt:
        report.say("\nEncerrando...")
        return code
    finally:
        note.unlink(missing_ok=True)
        if not leave_running:
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not lose the data
            stack.stop()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


# ---------------------------------------------------------------- the parts


def prepare(stack: LocalStack, memory: Memory, options: argparse.Namespace, report: Report) -> None:
    """Builds, starts and deploys."""
    report.title("Ponte local")
    # Before the build, which is long: a taken port should be known at once.
    processes.require_free_port(stack.aws_port, "AWS local")
    if not options.sienge_url:
        processes.require_free_port(stack.simulator_port, "simulador do Sienge")
    report.say("  ...  Compilando as funções (a primeira vez leva alguns minutos)")
    with report.step("Compilação"):
        binaries = build.build()
    with report.step("AWS local"):
        stack.start_aws()
    with report.step("Implantação de template.yaml"):
        stack.deploy(binaries)
    memory.set(ports=[stack.aws_port, stack.simulator_port])


def connect(
    stack: LocalStack, memory: Memory, options: argparse.Namespace, report: Report
) -> tuple[tenants.Sienge, Simulator | None]:
    """Starts the simulator (or takes the given Sienge) and sets up the demo tenant on it."""
    simulator = None
    if options.sienge_url:
        password = secret_in(options.sienge_password_file)
        sienge = tenants.Sienge(options.sienge_url.rstrip("/"), options.sienge_user, password)
    else:
        memory.set(password=memory.get("password") or secrets.token_urlsafe(16))
        sienge = tenants.Sienge(
            f"{stack.simulator_url}/{SIMULATED}/public/api", "integracao", memory.get("password")
        )
        with report.step("Simulador do Sienge"):
            stack.start_simulator([*SIMULATOR_OPTIONS, "--user", sienge.user, "--password", sienge.password])
        simulator = Simulator(stack.simulator_url)
    # A Sienge elsewhere cannot call this machine, and must not keep webhooks that point to it.
    register = urllib.parse.urlsplit(sienge.base_url).hostname in ("127.0.0.1", "localhost") or options.register_webhooks
    with report.step(f"Assessoria {TENANT}"):
        set_up_tenant(stack, memory, sienge, TENANT, register)
    return sienge, simulator


def set_up_tenant(
    stack: LocalStack, memory: Memory, sienge: tenants.Sienge, tenant: str, register: bool, at_most: int | None = None
) -> list[int]:
    """Settings, one creditor per company (of the first `at_most`), secret, webhooks; the ids of the creditors."""
    control = stack.outputs["ControlTableName"]
    companies = sorted(sienge.rows("/companies"), key=lambda company: int(company["id"]))[:at_most]
    token = tenants.save_secret(
        stack.client, stack.outputs["TenantSecretPrefix"] + tenant, sienge.user, sienge.password
    )
    for company in companies:
        tenants.save_creditor(stack.client, control, tenant, {"company": int(company["id"]), "name": company.get("name")})
    settings = {
        "siengeBaseUrl": sienge.base_url,
        "subdomain": tenants._subdomain(sienge.base_url),
        "package": "ultimate",
    }
    tenants.save_settings(stack.client, control, tenant, settings)
    if register:
        _forget_stale_webhooks(sienge, stack.api_url)
        tenants.register_webhooks(sienge, stack.api_url, tenant, token)
    creditors = [int(company["id"]) for company in companies]
    memory.set(token=token, creditors=creditors, apiKey=_own_key(stack, memory, tenant))
    return creditors


def _own_key(stack: LocalStack, memory: Memory, tenant: str) -> str:
    """The API key made at the first start; another one when the table does not hold it any more."""
    control = stack.outputs["ControlTableName"]
    held = {item["sk"].removeprefix("api-key#") for item in api_keys.keys(stack.client, control, tenant)}
    key = memory.get("apiKey")
    if key and key.split(".")[2] in held:
        return key
    return api_keys.create(stack.client, control, tenant, "administrator", "demonstração local", 365)


def _forget_stale_webhooks(sienge: tenants.Sienge, api_url: str) -> None:
    """Removes webhooks to an earlier local API (other port, lost data): they would be retried for hours."""
    for hook in sienge.rows("/hooks"):
        url = hook.get("url") or ""
        if "/_aws/execute-api/" in url and not url.startswith(f"{api_url}/"):
            sienge.call("DELETE", f"/hooks/{hook['id']}")


def play(
    stack: LocalStack, memory: Memory, sienge: tenants.Sienge, simulator: Simulator | None,
    options: argparse.Namespace, report: Report,
) -> Story | None:
    """The scenario, once; a later start finds its data and does not repeat it."""
    if options.no_scenario:
        return None
    # The data may be gone: after a crash the local AWS starts from its last clean stop.
    if memory.get("played") == sienge.base_url and stack.count("Portfolio") > 0 and not options.again:
        report.title("O cenário já foi executado; os dados continuam aqui (repita com: make demo ARGS=--again).")
        return None
    report.title("Rotina principal")
    scenario = Scenario(stack, simulator, TENANT, memory.get("creditors"), report)
    story = scenario.run() if simulator else scenario.run_against_a_real_sienge()
    memory.set(played=sienge.base_url)
    summary(story, stack, simulator, report)
    return story


def passed(story: Story) -> bool:
    """Whether the main job ended as it must."""
    return not story.last_reconciliation_wrote and (story.comparison is None or story.comparison.equal)


def summary(story: Story, stack: LocalStack, simulator: Simulator | None, report: Report) -> None:
    """The operator's part of the report."""
    report.title("Resumo")
    for title, answer in story.summaries:
        report.say(f"  - {title}: {answer.get('resumo', answer)}")
    if story.told:
        report.row("Avisado por webhook", f"{len(story.told)}: {_counted(story.told)}")
        report.row("Sem aviso (achado pela rotina)", f"{len(story.untold)}: {_counted(story.untold)}")
    found = story.comparison
    if found:
        report.row("Parcelas no Sienge", f"{number(found.in_sienge)} ({number(found.open_in_sienge)} abertas)")
        report.row("Parcelas na carteira", f"{number(found.held)} ({number(found.open_here)} abertas)")
        if found.never_held:
            report.say(f"    ({number(found.never_held)} do Sienge já estavam quitadas ou canceladas antes da primeira carga: não são importadas)")
    waiting = stack.waiting()
    report.row("Webhooks pendentes / na fila de erros", f"{waiting['pending']} / {waiting['dead']}")
    wrote = story.last_reconciliation_wrote
    # Of a Sienge that is not ours nobody knows what happened in it meanwhile.
    yes = "SIM (erro)" if simulator else "SIM (erro, se nada mudou no Sienge desde o primeiro)"
    report.row("Último batimento alterou a carteira?", f"{yes}: {len(wrote)} itens" if wrote else "não")
    for line in wrote[:10]:
        report.say(f"    - {line}")
    if story.last_reconciliation_refreshed:
        report.row("Cadastros que ele atualizou (unidade liberada)", len(story.last_reconciliation_refreshed))
    if found:
        report.row("Carteira igual ao Sienge, parcela a parcela?", "sim" if found.equal else f"NÃO: {len(found.differences)} diferenças")
        for line in found.differences[:20]:
            report.say(f"    - {line}")
    report.row("Tempo total", f"{time.monotonic() - report.began:.0f} s")


def _counted(texts: list[str]) -> str:
    return ", ".join(f"{texts.count(t)} {PLURALS.get(t, t)}" if texts.count(t) > 1 else t for t in dict.fromkeys(texts))


def addresses(stack: LocalStack, report: Report, simulator: Simulator | None) -> None:
    """Where everything answers."""
    report.title("Endereços")
    report.row("Webhooks", tenants.webhook_url(stack.api_url, "{receptor}", TENANT))
    report.row("Token dos webhooks", f"campo \"token\" de {stack.folder / 'demo.json'}")
    report.row("API", f"{stack.api_url}/v1  (documento: {stack.api_url}/v1/openapi.json)")
    report.row("Chave da API", f"campo \"apiKey\" de {stack.folder / 'demo.json'}")
    report.row("AWS local (qualquer serviço)", f"{stack.aws_url}  (região us-east-1, pilha {stack.name})")
    if simulator:
        report.row("Simulador do Sienge (controle: /_control)", stack.simulator_url)
    report.row("Chamar uma função", command("make invoke FUNCTION=payments EVENT=events/payments-sweep.json", stack.folder))
    report.row("Registros (logs)", stack.folder / "logs")


def wait(stack: LocalStack) -> None:
    """Until Ctrl-C, or until something ends by itself."""
    while True:
        time.sleep(1)
        names = {child.name for child in stack.children()}
        if "aws" not in names:
            raise StartError(f"a AWS local terminou; veja {stack.folder / 'logs' / 'aws.log'}")
