<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|AttributeTable" simplifyDrawingHints="1">
 <renderer-v2 type="categorizedSymbol" attr="kind" symbollevels="0" enableorderby="0" forceraster="0">
  <categories>
   <category symbol="0" value="junction" label="junction" render="true" type="string"/>
   <category symbol="1" value="end" label="dead end" render="true" type="string"/>
   <category symbol="2" value="border" label="imagery ends" render="true" type="string"/>
   <category symbol="3" value="loop" label="ring without junction" render="true" type="string"/>
   <category symbol="4" value="gap" label="begin of a bridge over nothing" render="true" type="string"/>
  </categories>
  <symbols>
   <symbol type="marker" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="49,54,149,255"/>
       <Option type="QString" name="name" value="circle"/>
       <Option type="QString" name="size" value="1.6"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="255,255,255,255"/>
       <Option type="QString" name="outline_width" value="0.2"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="197,27,125,255"/>
       <Option type="QString" name="name" value="square"/>
       <Option type="QString" name="size" value="1.6"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="255,255,255,255"/>
       <Option type="QString" name="outline_width" value="0.2"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="120,120,120,255"/>
       <Option type="QString" name="name" value="triangle"/>
       <Option type="QString" name="size" value="1.8"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="255,255,255,255"/>
       <Option type="QString" name="outline_width" value="0.2"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="0,150,136,255"/>
       <Option type="QString" name="name" value="diamond"/>
       <Option type="QString" name="size" value="1.8"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="255,255,255,255"/>
       <Option type="QString" name="outline_width" value="0.2"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="marker" name="4" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="color" value="230,159,0,255"/>
       <Option type="QString" name="name" value="triangle"/>
       <Option type="QString" name="size" value="1.8"/>
       <Option type="QString" name="size_unit" value="MM"/>
       <Option type="QString" name="outline_color" value="255,255,255,255"/>
       <Option type="QString" name="outline_width" value="0.2"/>
       <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <aliases>
  <alias index="0" field="fid" name="Feature id"/>
  <alias index="1" field="node_id" name="Node id"/>
  <alias index="2" field="degree" name="Edges that meet"/>
  <alias index="3" field="kind" name="Kind of node"/>
  <alias index="4" field="level_unknown" name="Level unknown"/>
 </aliases>
</qgis>
