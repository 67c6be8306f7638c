<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|AttributeTable" simplifyDrawingHints="1">
 <renderer-v2 type="graduatedSymbol" attr="prob_mean" graduatedMethod="GraduatedColor" symbollevels="1" enableorderby="0" forceraster="0">
  <ranges>
   <range render="true" symbol="0" lower="0" upper="0.5" label="below 0.50"/>
   <range render="true" symbol="1" lower="0.5" upper="0.65" label="0.50 - 0.65"/>
   <range render="true" symbol="2" lower="0.65" upper="0.8" label="0.65 - 0.80"/>
   <range render="true" symbol="3" lower="0.8" upper="0.9" label="0.80 - 0.90"/>
   <range render="true" symbol="4" lower="0.9" upper="1" label="0.90 - 1.00"/>
  </ranges>
  <symbols>
   <symbol type="line" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="60,60,60,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.75,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6) + 2"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="1">
     <Option type="Map">
       <Option type="QString" name="line_color" value="215,48,39,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.5,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6)"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
   <symbol type="line" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="60,60,60,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.75,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6) + 2"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="2">
     <Option type="Map">
       <Option type="QString" name="line_color" value="252,141,89,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.5,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6)"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
   <symbol type="line" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="60,60,60,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.75,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6) + 2"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="3">
     <Option type="Map">
       <Option type="QString" name="line_color" value="254,224,139,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.5,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6)"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
   <symbol type="line" name="3" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="60,60,60,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.75,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6) + 2"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="4">
     <Option type="Map">
       <Option type="QString" name="line_color" value="166,217,106,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.5,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6)"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
   <symbol type="line" name="4" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="60,60,60,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.75,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6) + 2"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="5">
     <Option type="Map">
       <Option type="QString" name="line_color" value="26,152,80,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="6"/>
       <Option type="QString" name="line_width_unit" value="RenderMetersInMapUnits"/>
       <Option type="QString" name="width_map_unit_scale" value="3x:0,0,1,0.5,0,0"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
     <data_defined_properties>
      <Option type="Map">
       <Option type="QString" name="name" value=""/>
       <Option type="Map" name="properties">
        <Option type="Map" name="outlineWidth">
         <Option type="bool" name="active" value="true"/>
         <Option type="QString" name="expression" value="coalesce(&quot;width_m&quot;, 6)"/>
         <Option type="int" name="type" value="3"/>
        </Option>
       </Option>
       <Option type="QString" name="type" value="collection"/>
      </Option>
     </data_defined_properties>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <aliases>
  <alias index="0" field="fid" name="Feature id"/>
  <alias index="1" field="edge_id" name="Edge id"/>
  <alias index="2" field="u" name="From node"/>
  <alias index="3" field="v" name="To node"/>
  <alias index="4" field="key" name="Number among parallel edges"/>
  <alias index="5" field="length_m" name="Length (m)"/>
  <alias index="6" field="width_m" name="Width (m)"/>
  <alias index="7" field="prob_mean" name="Mean road probability"/>
  <alias index="8" field="prob_min" name="Lowest road probability"/>
  <alias index="9" field="bridged" name="Share of bridged gaps"/>
  <alias index="10" field="area" name="Share in wide regions"/>
  <alias index="11" field="sinuosity" name="Length over straight distance"/>
  <alias index="12" field="component_id" name="Connected part"/>
 </aliases>
</qgis>
