"""QGIS style of a layer of lines that are all drawn alike."""

from __future__ import annotations

from typing import Final

_STYLE: Final = """<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
 <renderer-v2 type="singleSymbol" symbollevels="0" enableorderby="0" forceraster="0">
  <symbols>
   <symbol type="line" name="0" alpha="0.8" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="line_color" value="{colour}"/>
      <Option type="QString" name="line_style" value="solid"/>
      <Option type="QString" name="line_width" value="{width_mm}"/>
      <Option type="QString" name="line_width_unit" value="MM"/>
      <Option type="QString" name="capstyle" value="round"/>
      <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
</qgis>
"""


def line_style(colour: str, width_mm: float) -> str:
    """Return a style as QML.

    Parameters
    ----------
    colour
        ``red,green,blue,alpha``, each 0 to 255.
    width_mm
        Width of the lines on the screen.
    """
    return _STYLE.format(colour=colour, width_mm=width_mm)
