"""The operator's command that is run when an alarm begins and when it ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence

import structlog

from harvester.drift import Alarm

log = structlog.stdlib.get_logger(__name__)

_PATIENCE = 30.0


async def run_alarm_command(command: Sequence[str], alarm: Alarm) -> None:
    """Run the command with the alarm as JSON on its standard input; wait half a minute at most.

    The environment has HARVESTER_ALARM (`on` or `off`) and HARVESTER_ALARM_TEXT. Whatever goes
    wrong is logged: an alarm must not harm what it watches over.
    """
    told = {
        "on": alarm.on,
        "section": alarm.section,
        "sign": alarm.sign.value,
        "since": alarm.since.isoformat(),
        "text": alarm.text,
        "examples": list(alarm.examples),
    }
    # Hooks that come from the environment have secrets.
    environ = {name: value for name, value in os.environ.items() if name != "HARVESTER_HOOKS"} | {
        "HARVESTER_ALARM": "on" if alarm.on else "off",
        "HARVESTER_ALARM_TEXT": alarm.text,
    }
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, env=environ
        )
    except OSError as problem:
        log.error("alarm_command", command=command[0], problem=str(problem))
        return
    try:
        data = json.dumps(told, ensure_ascii=False).encode()
        await asyncio.wait_for(process.communicate(data), _PATIENCE)
    except TimeoutError:
        log.error("alarm_command", command=command[0], problem="took longer than 30 s")
    else:
        if process.returncode:
            log.error("alarm_command", command=command[0], problem=f"exit {process.returncode}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
