# SPDX-License-Identifier: GPL-2.0-or-later
"""What all algorithms share: options as parameters, and one call of ``roadex``."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)

from . import commands, messages, program, results, settings
from .commands import Option, Verb

OUTPUT = "OUTPUT"


class RoadexAlgorithm(QgsProcessingAlgorithm):
    """One verb of ``roadex``."""

    verb: Verb

    def createInstance(self) -> RoadexAlgorithm:
        """Return a new one of the same kind."""
        return type(self)()

    def name(self) -> str:
        """Return the name of the verb."""
        return self.verb.name

    def displayName(self) -> str:
        """Return the title."""
        return self.verb.title

    def shortHelpString(self) -> str:
        """Return what the algorithm does and what each option means, as HTML."""
        about = "".join(f"<p>{html.escape(part)}</p>" for part in self.verb.help.split("\n\n"))
        options = "".join(
            f"<p><b>{html.escape(o.title)}</b>: {html.escape(o.help)}</p>"
            for o in self.verb.options
        )
        return about + options

    def add_options(self) -> None:
        """Add a parameter for each option of the verb."""
        for option in self.verb.options:
            parameter = _parameter(option)
            parameter.setHelp(option.help)
            if option.is_advanced:
                advanced = QgsProcessingParameterDefinition.Flag.FlagAdvanced
                parameter.setFlags(parameter.flags() | advanced)
            self.addParameter(parameter)

    def add_destination(self, title: str, *, optional: bool = False) -> None:
        """Add the parameter of the file to write."""
        self.addParameter(QgsProcessingParameterVectorDestination(OUTPUT, title, optional=optional))

    def call(
        self,
        inputs: Sequence[str],
        output: str,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
        *,
        area: str | None = None,
    ) -> bool:
        """Run the verb; return whether it got to its end, rather than being cancelled.

        Parameters
        ----------
        inputs, output, area
            As of :func:`.commands.command_line`.

        Raises
        ------
        QgsProcessingException
            With the one line that ``roadex`` says of an error.
        """
        values = {o.name: self._value(o, parameters, context) for o in self.verb.options}
        command = commands.command_line(
            settings.executable(), self.verb, inputs, output, values, area=area
        )
        feedback.pushCommandInfo(" ".join(command))
        code, listener = follow(command, self.verb, feedback)
        if code is None:
            feedback.pushInfo(results.STOPPED)
            return False
        if code == messages.INCOMPLETE:
            text = commands.with_titles(listener.failure(code), self.verb)
            feedback.reportError(f"Parts of the result are missing: {text}", False)
        elif code:
            raise QgsProcessingException(commands.with_titles(listener.failure(code), self.verb))
        feedback.setProgress(100)
        return True

    def _value(
        self, option: Option, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> Any:
        if parameters.get(option.name) is None:
            return None
        if option.kind == commands.FLAG:
            return self.parameterAsBool(parameters, option.name, context)
        if option.kind == commands.NUMBER:
            return self.parameterAsDouble(parameters, option.name, context)
        if option.kind == commands.INTEGER:
            return self.parameterAsInt(parameters, option.name, context)
        if option.kind == commands.CHOICE:
            return self.parameterAsEnumString(parameters, option.name, context)
        return self.parameterAsString(parameters, option.name, context)


def follow(
    command: Sequence[str], verb: Verb, feedback: QgsProcessingFeedback
) -> tuple[int | None, messages.Listener]:
    """Run a command, show what it says, and return its exit code; None if it was cancelled."""
    listener = messages.Listener(verb.stages)

    def show(line: str) -> None:
        message = listener.hear(line)
        if message is None:
            return
        if message.level == messages.WARNING:
            feedback.pushWarning(message.text)
        elif message.level == messages.ERROR:
            feedback.reportError(message.text, False)
        else:
            feedback.pushConsoleInfo(message.text)
        if listener.percent > 0:
            feedback.setProgress(listener.percent)

    try:
        ended = program.run(command, show, feedback.isCanceled)
    except program.ProgramError as error:
        raise QgsProcessingException(str(error)) from error
    return (None if ended.is_cancelled else ended.code), listener


def _parameter(option: Option) -> QgsProcessingParameterDefinition:
    """Return an optional parameter for an option, empty by default."""
    name, title = option.name, option.title
    if option.kind == commands.FLAG:
        return QgsProcessingParameterBoolean(name, title, defaultValue=False, optional=True)
    if option.kind == commands.CHOICE:
        return QgsProcessingParameterEnum(
            name, title, options=list(option.choices), optional=True, usesStaticStrings=True
        )
    if option.kind == commands.FILE:
        return QgsProcessingParameterFile(
            name, title, optional=True, fileFilter=f"{option.files};;All files (*)"
        )
    if option.kind in (commands.NUMBER, commands.INTEGER):
        kinds = QgsProcessingParameterNumber.Type
        parameter = QgsProcessingParameterNumber(
            name, title, type=kinds.Integer if option.kind == commands.INTEGER else kinds.Double,
            optional=True,
        )  # fmt: skip
        if option.minimum is not None:
            parameter.setMinimum(option.minimum)
        if option.maximum is not None:
            parameter.setMaximum(option.maximum)
        return parameter
    return QgsProcessingParameterString(
        name, title, optional=True, multiLine=option.kind == commands.LINES
    )
