<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|Forms|AttributeTable" simplifyDrawingHints="1">
 <renderer-v2 type="graduatedSymbol" attr="confidence" graduatedMethod="GraduatedColor" symbollevels="1" enableorderby="0" forceraster="0">
  <ranges>
   <range render="true" symbol="0" lower="0" upper="0.5" label="below 0.50"/>
   <range render="true" symbol="1" lower="0.5" upper="0.65" label="0.50 - 0.65"/>
   <range render="true" symbol="2" lower="0.65" upper="0.8" label="0.65 - 0.80"/>
   <range render="true" symbol="3" lower="0.8" upper="0.9" label="0.80 - 0.90"/>
   <range render="true" symbol="4" lower="0.9" upper="1" label="0.90 - 1.00"/>
  </ranges>
  <symbols>
   <symbol type="line" name="0" alpha="0.85" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="40,40,40,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.96"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="1">
     <Option type="Map">
       <Option type="QString" name="line_color" value="215,25,28,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.56"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="line" name="1" alpha="0.85" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="40,40,40,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.96"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="2">
     <Option type="Map">
       <Option type="QString" name="line_color" value="253,174,97,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.56"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="line" name="2" alpha="0.85" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="40,40,40,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.96"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="3">
     <Option type="Map">
       <Option type="QString" name="line_color" value="255,255,191,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.56"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="line" name="3" alpha="0.85" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="40,40,40,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.96"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="4">
     <Option type="Map">
       <Option type="QString" name="line_color" value="171,217,233,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.56"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="line" name="4" alpha="0.85" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
     <Option type="Map">
       <Option type="QString" name="line_color" value="40,40,40,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.96"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
    <layer class="SimpleLine" enabled="1" locked="0" pass="5">
     <Option type="Map">
       <Option type="QString" name="line_color" value="44,123,182,255"/>
       <Option type="QString" name="line_style" value="solid"/>
       <Option type="QString" name="line_width" value="0.56"/>
       <Option type="QString" name="line_width_unit" value="MM"/>
       <Option type="QString" name="capstyle" value="round"/>
       <Option type="QString" name="joinstyle" value="round"/>
     </Option>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <fieldConfiguration>
  <field name="review">
   <editWidget type="ValueMap">
    <config>
     <Option type="Map">
      <Option type="List" name="map">
       <Option type="Map">
        <Option type="QString" name="not looked at" value="{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"/>
       </Option>
       <Option type="Map">
        <Option type="QString" name="ok" value="ok"/>
       </Option>
       <Option type="Map">
        <Option type="QString" name="wrong" value="wrong"/>
       </Option>
       <Option type="Map">
        <Option type="QString" name="missing" value="missing"/>
       </Option>
      </Option>
     </Option>
    </config>
   </editWidget>
  </field>
 </fieldConfiguration>
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
 <attributetableconfig actionWidgetStyle="dropDown" sortExpression="&quot;confidence&quot;" sortOrder="0">
  <columns>
   <column type="field" name="review" width="-1" hidden="0"/>
   <column type="field" name="confidence" width="-1" hidden="0"/>
   <column type="field" name="length_m" width="-1" hidden="0"/>
   <column type="field" name="width_m" width="-1" hidden="0"/>
   <column type="field" name="surface" width="-1" hidden="0"/>
   <column type="field" name="surface_prob" width="-1" hidden="0"/>
   <column type="field" name="prob_mean" width="-1" hidden="0"/>
   <column type="field" name="prob_min" width="-1" hidden="0"/>
   <column type="field" name="bridged" width="-1" hidden="0"/>
   <column type="field" name="area" width="-1" hidden="0"/>
   <column type="field" name="sinuosity" width="-1" hidden="0"/>
   <column type="field" name="component_id" width="-1" hidden="0"/>
   <column type="field" name="edge_id" width="-1" hidden="0"/>
   <column type="field" name="u" width="-1" hidden="0"/>
   <column type="field" name="v" width="-1" hidden="0"/>
   <column type="field" name="key" width="-1" hidden="1"/>
   <column type="field" name="fid" width="-1" hidden="1"/>
  </columns>
 </attributetableconfig>
</qgis>
