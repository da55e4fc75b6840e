"""The commands behind the Makefile: demo, stop, invoke, status."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.local import build, demo, memory, processes
from infra.local.processes import StartError
from infra.local.stack import LocalStack


def main() -> int:
    """Parses and runs one command."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="O Ponte inteiro numa máquina só.")
    commands = parser.add_subparsers(dest="command", required=True)

    start = commands.add_parser("demo", help="compila, inicia, implanta e executa a rotina principal")
    start.add_argument("--ports", type=_ports, default=(4566, 8099), metavar="AWS,SIMULADOR", help="padrão: 4566,8099")
    start.add_argument("--detach", action="store_true", help="deixa em execução e devolve o terminal")
    start.add_argument("--no-scenario", action="store_true", help="só inicia; conduza à mão")
    start.add_argument("--again", action="store_true", help="repete o cenário sobre os dados que existem")
    start.add_argument("--sienge-url", help="outro Sienge, ex.: https://api.sienge.com.br/SUBDOMINIO/public/api")
    start.add_argument("--sienge-user")
    start.add_argument("--sienge-password-file")
    start.add_argument("--register-webhooks", action="store_true", help="registra webhooks também num Sienge externo")
    start.add_argument("--folder", type=Path, default=memory.FOLDER, help="onde ficam dados e logs (padrão: .local)")

    for name, text in (("stop", "encerra o que ficou em execução"), ("reset", "encerra e apaga os dados locais")):
        commands.add_parser(name, help=text).add_argument("--folder", type=Path, default=memory.FOLDER)

    invoke = commands.add_parser("invoke", help="chama uma função com um evento")
    invoke.add_argument("function")
    invoke.add_argument("event", type=Path)
    invoke.add_argument("--folder", type=Path, default=memory.FOLDER)

    commands.add_parser("status", help="o que está pendente").add_argument("--folder", type=Path, default=memory.FOLDER)
    options = parser.parse_args()
    if options.command == "demo" and options.sienge_url and not (options.sienge_user and options.sienge_password_file):
        parser.error("--sienge-url pede também --sienge-user e --sienge-password-file")
    try:
        return _run(options)
    except (StartError, RuntimeError, OSError, ValueError, BotoCoreError, ClientError) as error:
        print(f"Erro: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.command == "demo":
        return demo.demo(options)
    if options.command in ("stop", "reset"):
        stack = LocalStack(options.folder, 0, 0)
        found = [child.name for child in stack.children()]
        # A demo in the foreground ends what it started by itself, and does not take it for a failure.
        if processes.ask_to_end("demo", options.folder):
            found.append("demo")
        stack.stop()
        print(f"Encerrado: {', '.join(found)}" if found else "Nada em execução.")
        if options.command == "reset":
            shutil.rmtree(options.folder, ignore_errors=True)
            print(f"Dados locais apagados ({options.folder}).")
        return 0
    stack = memory.running(options.folder)
    if options.command == "invoke":
        if options.function not in build.FUNCTIONS:
            raise StartError(f"Não há função {options.function}. As funções são: {', '.join(build.FUNCTIONS)}.")
        answer = stack.invoke(options.function, json.loads(options.event.read_text()))
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        if isinstance(answer, dict) and answer.get("situacao") == "recusado":
            return 1
    else:
        print(json.dumps(stack.waiting() | {"portfolio": stack.count("Portfolio")}, indent=2))
    return 0


def _ports(text: str) -> tuple[int, int]:
    first, _, second = text.partition(",")
    try:
        return int(first), int(second)
    except ValueError:
        raise argparse.ArgumentTypeError("duas portas, ex.: 4567,8100") from None


if __name__ == "__main__":
    raise SystemExit(main())
