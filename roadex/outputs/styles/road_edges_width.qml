<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|AttributeTable" simplifyDrawingHints="1">
 <renderer-v2 type="graduatedSymbol" attr="width_m" graduatedMethod="GraduatedColor" symbollevels="1" enableorderby="0" forceraster="0">
  <ranges>
   <range render="true" symbol="0" lower="0" upper="5" label="up to 5 m"/>
   <range render="true" symbol="1" lower="5" upper="8" label="5 - 8 m"/>
   <range render="true" symbol="2" lower="8" upper="12" label="8 - 12 m"/>
   <range render="true" symbol="3" lower="12" upper="20" label="12 - 20 m"/>
   <range render="true" symbol="4" lower="20" upper="1000" label="over 20 m"/>
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
       <Option type="QString" name="line_color" value="255,247,188,255"/>
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
       <Option type="QString" name="line_color" value="254,227,145,255"/>
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
       <Option type="QString" name="line_color" value="254,196,79,255"/>
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
       <Option type="QString" name="line_color" value="254,153,41,255"/>
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
       <Option type="QString" name="line_color" value="217,95,14,255"/>
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
  <alias index="11" field="confidence" name="Confidence"/>
  <alias index="12" field="sinuosity" name="Length over straight distance"/>
  <alias index="13" field="component_id" name="Connected part"/>
  <alias index="14" field="surface" name="Surface"/>
  <alias index="15" field="surface_prob" name="Probability of unpaved"/>
  <alias index="16" field="review" name="Review"/>
 </aliases>
</qgis>
