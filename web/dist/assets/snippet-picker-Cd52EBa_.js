import{d as e,p as t,r as n,u as r}from"./text-DlIscSct.js";import{c as i,d as a,o,t as s}from"./button-DgAs2DLu.js";import{T as c,c as l,l as u,p as d}from"./ui-BUDvfKNa.js";import{t as f}from"./list-Do6PfFRI.js";var p=t(e(),1),m=r();function h({value:e,onValue:t}){let[r,i]=(0,p.useState)(``),o=f([`event-types`,`names`],e=>a.GET(`/api/v1/event-type`,{params:{query:{limit:250,iterator:e}}})),c=n.applications,u=[...new Set([...e,...o.rows.map(e=>e.name)])].sort(),d=u.filter(e=>e.toLowerCase().includes(r.toLowerCase()));return(0,m.jsxs)(`fieldset`,{className:`choices`,children:[(0,m.jsx)(`legend`,{children:c.eventTypes}),(0,m.jsx)(`p`,{className:`muted small`,children:u.length===0&&!o.pending?c.noEventTypes:e.length?c.chosenEvents(e.length):c.allEventsHelp}),u.length>8&&(0,m.jsx)(l,{label:c.findEventType,value:r,onValue:i}),(0,m.jsx)(`ul`,{className:`plain choices-list`,children:d.map(n=>(0,m.jsx)(`li`,{children:(0,m.jsxs)(`label`,{className:`row`,children:[(0,m.jsx)(`input`,{type:`checkbox`,checked:e.includes(n),onChange:r=>t(r.target.checked?[...e,n]:e.filter(e=>e!==n))}),(0,m.jsx)(`span`,{children:n})]})},n))}),o.more&&(0,m.jsx)(s,{onPress:o.more,children:n.common.loadMore})]})}function g({appId:e,onClose:t,onMade:r}){let[c,u]=(0,p.useState)(``),[f,g]=(0,p.useState)(``),[_,v]=(0,p.useState)([]),[y,b]=(0,p.useState)(),[x,S]=(0,p.useState)(!1),C=n.applications,w=e=>y instanceof i?y.fields.find(t=>t.path===e)?.message:void 0,T=async t=>{if(t.preventDefault(),!x){S(!0),b(void 0);try{let{data:t}=await a.POST(`/api/v1/app/{app_id}/endpoint`,{params:{path:{app_id:e}},body:{url:c.trim(),description:f,eventTypes:_.length?_:null}});r(t.id)}catch(e){b(e),S(!1)}}},E=y!==void 0&&!w(`url`)&&!w(`description`);return(0,m.jsx)(d,{open:!0,onClose:t,title:C.newEndpoint,children:(0,m.jsxs)(`form`,{className:`stack`,onSubmit:T,children:[(0,m.jsx)(l,{label:C.url,help:C.urlHelp,error:w(`url`),type:`url`,required:!0,autoFocus:!0,value:c,onValue:u}),(0,m.jsx)(h,{value:_,onValue:v}),(0,m.jsx)(l,{label:C.description,error:w(`description`),value:f,onValue:g}),E&&(0,m.jsx)(`div`,{className:`note bad`,role:`alert`,children:o(y)}),(0,m.jsxs)(`footer`,{className:`row end`,children:[(0,m.jsx)(s,{onPress:t,children:n.common.cancel}),(0,m.jsx)(s,{look:`primary`,type:`submit`,busy:x,children:C.createEndpoint})]})]})})}var _=e=>JSON.stringify(e),v={javascript:{words:`JavaScript`,frame:({url:e,calls:t})=>`import { Svix } from "svix";

const svix = new Svix(process.env.HOOKLOFT_TOKEN, { serverUrl: ${_(e)} });
${t.join(`
`)}
`},python:{words:`Python`,frame:({url:e,calls:t})=>`import os
from svix.api import *

svix = Svix(os.environ["HOOKLOFT_TOKEN"], SvixOptions(server_url=${_(e)}))
${t.join(`
`)}
`},go:{words:`Go`,frame:({url:e,calls:t})=>`import (
	"context"
	"net/url"
	"os"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

server, err := url.Parse(${_(e)})
if err != nil {
	return err
}
client, err := svix.New(os.Getenv("HOOKLOFT_TOKEN"), &svix.SvixOptions{ServerUrl: server})
if err != nil {
	return err
}
${t.join(`
`)}
`},java:{words:`Java`,frame:({url:e,calls:t})=>`import com.svix.*;
import com.svix.models.*;

SvixOptions options = new SvixOptions();
options.setServerUrl(${_(e)});
Svix svix = new Svix(System.getenv("HOOKLOFT_TOKEN"), options);
${t.join(`
`)}
`},kotlin:{words:`Kotlin`,frame:({url:e,calls:t})=>`import com.svix.kotlin.*
import com.svix.kotlin.models.*

val svix = Svix(System.getenv("HOOKLOFT_TOKEN"), SvixOptions(${_(e)}))
${t.join(`
`)}
`},ruby:{words:`Ruby`,frame:({url:e,calls:t})=>`require "svix"

svix = Svix::Client.new(ENV.fetch("HOOKLOFT_TOKEN"), Svix::SvixOptions.new(false, ${_(e)}))
${t.join(`
`)}
`},csharp:{words:`C#`,frame:({url:e,calls:t})=>`using Svix;
using Svix.Models;

var svix = new SvixClient(Environment.GetEnvironmentVariable("HOOKLOFT_TOKEN")!, new SvixOptions(serverUrl: ${_(e)}));
${t.join(`
`)}
`},php:{words:`PHP`,frame:({url:e,calls:t})=>`<?php
use Svix\\Svix;
use Svix\\SvixOptions;
use Svix\\Models\\{AppPortalAccessIn, MessageIn};

$svix = new Svix(getenv("HOOKLOFT_TOKEN"), new SvixOptions(serverUrl: ${_(e)}));
${t.join(`
`)}
`},rust:{words:`Rust`,frame:({url:e,calls:t})=>`use svix::api::*;

let options = SvixOptions { server_url: Some(${_(e)}.to_string()), ..Default::default() };
let svix = Svix::new(std::env::var("HOOKLOFT_TOKEN")?, Some(options));
${t.join(`
`)}
`}},y=(e,t)=>Object.entries(v).map(([n,{words:r,frame:i}])=>({id:n,words:r,code:i({url:e,calls:t[n]})}));function b(e,t,n){let r=_(t),i=n.map(_).join(`, `),a=n.map(e=>`AppPortalCapability.${e.replace(/(?<=.)([A-Z])/g,`_$1`).toUpperCase()}`).join(`, `);return y(e,{javascript:[`const { url } = await svix.authentication.appPortalAccess(${r}, { capabilities: [${i}] });`],python:[`access = svix.authentication.app_portal_access(${r}, AppPortalAccessIn(capabilities=[${i}]))`,`print(access.url)`],go:[`access, err := client.Authentication.AppPortalAccess(context.Background(), ${r}, models.AppPortalAccessIn{`,`	Capabilities: []models.AppPortalCapability{${i}},`,`}, nil)`],java:[`var access = svix.getAuthentication()`,`        .appPortalAccess(${r}, new AppPortalAccessIn().capabilities(java.util.Set.of(${a})));`,`System.out.println(access.getUrl());`],kotlin:[`val access = svix.authentication.appPortalAccess(${r}, AppPortalAccessIn(capabilities = setOf(${a})))`,`println(access.url)`],ruby:[`access = svix.authentication.app_portal_access(${r}, { capabilities: [${i}] })`,`puts access.url`],csharp:[`var access = svix.Authentication.AppPortalAccess(${r}, new AppPortalAccessIn { Capabilities = [${n.map(e=>`AppPortalCapability.${e}`).join(`, `)}] });`,`Console.WriteLine(access.Url);`],php:[`$access = $svix->authentication->appPortalAccess(${r}, AppPortalAccessIn::create()->withCapabilities([${i}]));`,`echo $access->url;`],rust:[`let access = svix.authentication()`,`    .app_portal_access(${r}.to_string(), AppPortalAccessIn {`,`        capabilities: Some(vec![${n.map(e=>`AppPortalCapability::${e}`).join(`, `)}]),`,`        ..Default::default()`,`    }, None)`,`    .await?;`,`println!("{}", access.url);`]})}function x(e,t){let n=_(t);return y(e,{javascript:[`await svix.message.create(${n}, {`,`  eventType: "invoice.paid",`,`  payload: { invoice: "in_1001", amount: 4200 },`,`});`],python:[`svix.message.create(${n}, MessageIn(`,`    event_type="invoice.paid",`,`    payload={"invoice": "in_1001", "amount": 4200},`,`))`],go:[`_, err = client.Message.Create(context.Background(), ${n}, models.MessageIn{`,`	EventType: "invoice.paid",`,`	Payload:   map[string]any{"invoice": "in_1001", "amount": 4200},`,`}, nil)`],java:[`svix.getMessage().create(${n}, new MessageIn()`,`        .eventType("invoice.paid")`,`        .payload("{\\"invoice\\": \\"in_1001\\", \\"amount\\": 4200}"));`],kotlin:[`svix.message.create(${n}, MessageIn(`,`    eventType = "invoice.paid",`,`    payload = "{\\"invoice\\": \\"in_1001\\", \\"amount\\": 4200}",`,`))`],ruby:[`svix.message.create(${n}, {`,`  eventType: "invoice.paid",`,`  payload: {"invoice" => "in_1001", "amount" => 4200}`,`})`],csharp:[`svix.Message.Create(${n}, new MessageIn`,`{`,`    EventType = "invoice.paid",`,`    Payload = new Dictionary<string, object> { { "invoice", "in_1001" }, { "amount", 4200 } },`,`});`],php:[`$svix->message->create(${n}, MessageIn::create(`,`    eventType: "invoice.paid",`,`    payload: ["invoice" => "in_1001", "amount" => 4200]`,`));`],rust:[`svix.message()`,`    .create(${n}.to_string(), MessageIn {`,`        event_type: "invoice.paid".to_string(),`,`        payload: serde_json::json!({ "invoice": "in_1001", "amount": 4200 }),`,`        ..Default::default()`,`    }, None)`,`    .await?;`]})}var S=(e,t)=>`curl -sS ${e}/api/v1/app/${t}/msg -H "Authorization: Bearer $HOOKLOFT_TOKEN" \\
  -H 'Content-Type: application/json' -d '{"eventType":"invoice.paid","payload":{"invoice":"in_1001","amount":4200}}'
`;function C({label:e,list:t}){let[r,i]=(0,p.useState)(t[0].id),a=t.find(e=>e.id===r)??t[0];return(0,m.jsxs)(`div`,{className:`stack tight`,children:[(0,m.jsx)(`div`,{style:{maxInlineSize:`14rem`},children:(0,m.jsx)(u,{label:n.applications.language,options:t.map(e=>[e.id,e.words]),value:a.id,onValue:i})}),(0,m.jsx)(c,{label:e,value:a.code})]})}export{g as a,b as i,S as n,x as r,C as t};