<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Fields|AttributeTable">
 <renderer-v2 type="categorizedSymbol" attr="coalesce(&quot;state&quot;, '')" symbollevels="0" enableorderby="0" forceraster="0">
  <categories>
   <category symbol="0" value="done" label="done" render="true" type="string"/>
   <category symbol="1" value="unclear" label="unclear" render="true" type="string"/>
   <category symbol="2" value="" label="to do" render="true" type="string"/>
  </categories>
  <symbols>
   <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="style" value="no"/>
      <Option type="QString" name="outline_color" value="0,158,115,255"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_width" value="0.5"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="fill" name="1" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="style" value="no"/>
      <Option type="QString" name="outline_color" value="120,120,120,255"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_width" value="0.5"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
   <symbol type="fill" name="2" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option type="QString" name="style" value="no"/>
      <Option type="QString" name="outline_color" value="230,159,0,255"/>
      <Option type="QString" name="outline_style" value="solid"/>
      <Option type="QString" name="outline_width" value="0.8"/>
      <Option type="QString" name="outline_width_unit" value="MM"/>
     </Option>
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <fieldConfiguration>
  <field name="state">
   <editWidget type="ValueMap">
    <config>
     <Option type="Map">
      <Option type="List" name="map">
       <Option type="Map">
        <Option type="QString" name="to do" value="{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"/>
       </Option>
       <Option type="Map">
        <Option type="QString" name="done" value="done"/>
       </Option>
       <Option type="Map">
        <Option type="QString" name="unclear" value="unclear"/>
       </Option>
      </Option>
     </Option>
    </config>
   </editWidget>
  </field>
 </fieldConfiguration>
 <aliases>
  <alias index="0" field="fid" name="Feature id"/>
  <alias index="1" field="window_id" name="Window"/>
  <alias index="2" field="stratum" name="Drawn where the network has"/>
  <alias index="3" field="state" name="State"/>
  <alias index="4" field="note" name="Note"/>
  <alias index="5" field="imaged_m2" name="Imaged area of the square (m2)"/>
  <alias index="6" field="stratum_m2" name="Imaged area of all such squares (m2)"/>
  <alias index="7" field="stratum_squares" name="Number of such squares"/>
 </aliases>
 <attributetableconfig actionWidgetStyle="dropDown" sortExpression="&quot;window_id&quot;" sortOrder="0">
  <columns>
   <column type="field" name="window_id" width="-1" hidden="0"/>
   <column type="field" name="state" width="-1" hidden="0"/>
   <column type="field" name="note" width="-1" hidden="0"/>
   <column type="field" name="stratum" width="-1" hidden="0"/>
   <column type="field" name="imaged_m2" width="-1" hidden="1"/>
   <column type="field" name="stratum_m2" width="-1" hidden="1"/>
   <column type="field" name="stratum_squares" width="-1" hidden="1"/>
   <column type="field" name="fid" width="-1" hidden="1"/>
  </columns>
 </attributetableconfig>
</qgis>
