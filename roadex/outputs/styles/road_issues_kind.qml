<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|AttributeTable" simplifyDrawingHints="1">
 <renderer-v2 type="categorizedSymbol" attr="kind" symbollevels="0" enableorderby="0" forceraster="0">
  <categories>
   <category symbol="0" value="gap" label="gap" render="true" type="string"/>
   <category symbol="1" value="crossing" label="crossing without junction" render="true" type="string"/>
   <category symbol="2" value="parallel" label="two lines on one road" render="true" type="string"/>
   <category symbol="3" value="zigzag" label="zigzag" render="true" type="string"/>
   <category symbol="4" value="bridged" label="not seen as road" render="true" type="string"/>
   <category symbol="5" value="level" label="crossing that may be a bridge" render="true" type="string"/>
  </categories>
  <symbols>
   <symbol type="marker" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="230,159,0,255"/>
       <Option type="QString" name="name" value="circle"/>
       <Option type="QString" name="size" value="3"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="0,0,0,255"/>
       <Option type="QString" name="outline_width" value="0.3"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="213,94,0,255"/>
       <Option type="QString" name="name" value="cross_fill"/>
       <Option type="QString" name="size" value="3"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="0,0,0,255"/>
       <Option type="QString" name="outline_width" value="0.3"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="0,114,178,255"/>
       <Option type="QString" name="name" value="square"/>
       <Option type="QString" name="size" value="3"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="0,0,0,255"/>
       <Option type="QString" name="outline_width" value="0.3"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="204,121,167,255"/>
       <Option type="QString" name="name" value="diamond"/>
       <Option type="QString" name="size" value="3"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="0,0,0,255"/>
       <Option type="QString" name="outline_width" value="0.3"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="4" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="0,158,115,255"/>
       <Option type="QString" name="name" value="triangle"/>
       <Option type="QString" name="size" value="3"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="0,0,0,255"/>
       <Option type="QString" name="outline_width" value="0.3"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="5" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="0,114,178,255"/>
       <Option type="QString" name="name" value="pentagon"/>
       <Option type="QString" name="size" value="3"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="0,0,0,255"/>
       <Option type="QString" name="outline_width" value="0.3"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <aliases>
  <alias index="0" field="fid" name="Feature id"/>
  <alias index="1" field="kind" name="Kind of issue"/>
  <alias index="2" field="text" name="What it may be"/>
  <alias index="3" field="edge_id" name="Edge id"/>
  <alias index="4" field="other_id" name="Other edge"/>
  <alias index="5" field="size_m" name="Size (m)"/>
 </aliases>
</qgis>
