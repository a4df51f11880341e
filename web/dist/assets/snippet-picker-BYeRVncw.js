import{_ as e,i as t,m as n,p as r}from"./text-BpDzr9v2.js";import{d as i,t as a}from"./button-BQJGVLr4.js";import{M as o,f as s,p as c,u as l,v as u}from"./ui-B5lji9Oj.js";import{t as d}from"./list-CSC13T2O.js";import{n as f}from"./dashboard-CfpksPFN.js";var p=e(n(),1),m=r();function h({value:e,onValue:n}){let[r,o]=(0,p.useState)(``),c=d([`event-types`,`names`],e=>i.GET(`/api/v1/event-type`,{params:{query:{limit:250,iterator:e}}})),l=t.newEndpoint,u=[...new Set([...e,...c.rows.map(e=>e.name)])].sort(),f=u.filter(e=>e.toLowerCase().includes(r.toLowerCase()));return(0,m.jsxs)(`fieldset`,{className:`choices`,children:[(0,m.jsx)(`legend`,{children:l.eventTypes}),(0,m.jsx)(`p`,{className:`muted small`,children:u.length===0&&!c.pending?l.noEventTypes:e.length?l.chosenEvents(e.length):l.allEventsHelp}),u.length>8&&(0,m.jsx)(s,{label:l.findEventType,value:r,onValue:o}),(0,m.jsx)(`ul`,{className:`plain choices-list`,children:f.map(t=>(0,m.jsx)(`li`,{children:(0,m.jsxs)(`label`,{className:`row`,children:[(0,m.jsx)(`input`,{type:`checkbox`,checked:e.includes(t),onChange:r=>n(r.target.checked?[...e,t]:e.filter(e=>e!==t))}),(0,m.jsx)(`span`,{children:t})]})},t))}),c.more&&(0,m.jsx)(a,{onPress:c.more,children:t.common.loadMore})]})}function g({appId:e,onClose:n,onMade:r}){let[o,c]=(0,p.useState)(``),[d,f]=(0,p.useState)(``),[g,_]=(0,p.useState)([]),v=t.newEndpoint;return(0,m.jsx)(u,{open:!0,onClose:n,title:v.title,children:(0,m.jsx)(l,{onSave:async()=>{let{data:t}=await i.POST(`/api/v1/app/{app_id}/endpoint`,{params:{path:{app_id:e}},body:{url:o.trim(),description:d,eventTypes:g.length?g:null}});r(t.id)},footer:e=>(0,m.jsxs)(`footer`,{className:`row end`,children:[(0,m.jsx)(a,{onPress:n,children:t.common.cancel}),(0,m.jsx)(a,{look:`primary`,type:`submit`,busy:e,children:v.create})]}),children:e=>(0,m.jsxs)(m.Fragment,{children:[(0,m.jsx)(s,{label:v.url,help:v.urlHelp,error:e(`url`),type:`url`,required:!0,autoFocus:!0,value:o,onValue:c}),(0,m.jsx)(h,{value:g,onValue:_}),(0,m.jsx)(s,{label:v.description,error:e(`description`),value:d,onValue:f})]})})})}var _=e=>JSON.stringify(e),v={javascript:{words:`JavaScript`,frame:({url:e,calls:t})=>`import { Svix } from "svix";

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
`;function C({label:e,list:t}){let[n,r]=(0,p.useState)(t[0].id),i=t.find(e=>e.id===n)??t[0];return(0,m.jsxs)(`div`,{className:`stack tight`,children:[(0,m.jsx)(`div`,{style:{maxInlineSize:`14rem`},children:(0,m.jsx)(c,{label:f.applications.language,options:t.map(e=>[e.id,e.words]),value:i.id,onValue:r})}),(0,m.jsx)(o,{label:e,value:i.code})]})}export{g as a,b as i,S as n,x as r,C as t};