import{U as e,d as t,h as n,n as r,t as i}from"./button-BQJGVLr4.js";import{n as a}from"./viewer-1bGmg1LM.js";import{a as o}from"./data-r87jXrtx.js";import{i as s,p as c}from"./text-BpDzr9v2.js";import{A as l,E as u,M as d,j as f,p,w as m,x as h}from"./ui-B5lji9Oj.js";import{n as g}from"./data-X4BOSAme.js";var _=[`javascript`,`python`,`go`,`java`,`kotlin`,`csharp`,`ruby`,`php`,`rust`],v={javascript:`JavaScript`,python:`Python`,go:`Go`,java:`Java`,kotlin:`Kotlin`,csharp:`C#`,ruby:`Ruby`,php:`PHP`,rust:`Rust`},y=e=>`"${e.replace(/["\\$#{}]/g,``).replace(/[^\x20-\x7e]/g,``)}"`,b={javascript:e=>`// npm install standardwebhooks
import express from "express"
import { Webhook } from "standardwebhooks"

const webhook = new Webhook(${e})
const app = express()

// The body as it came in: parsed and written anew it has another signature.
app.post("/webhooks", express.raw({ type: "application/json" }), (req, res) => {
  let event
  try {
    event = webhook.verify(req.body, req.headers)
  } catch {
    return res.sendStatus(400)
  }
  res.sendStatus(204) // answer first, work later
  console.log(event)
})
`,python:e=>`# pip install standardwebhooks flask
from flask import Flask, request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(${e})
app = Flask(__name__)

@app.post("/webhooks")
def receive():
    try:
        event = webhook.verify(request.get_data(), dict(request.headers))
    except WebhookVerificationError:
        return "", 400
    print(event)
    return "", 204
`,go:e=>`// go get github.com/standard-webhooks/standard-webhooks/libraries/go
package main

import (
	"io"
	"log"
	"net/http"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func main() {
	webhook, err := standardwebhooks.NewWebhook(${e})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /webhooks", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || webhook.Verify(body, r.Header) != nil {
			http.Error(w, "not genuine", http.StatusBadRequest)
			return
		}
		log.Printf("%s", body)
		w.WriteHeader(http.StatusNoContent)
	})
	log.Fatal(http.ListenAndServe(":3000", nil))
}
`,java:e=>`// com.standardwebhooks:standardwebhooks
import com.standardwebhooks.Webhook;
import com.standardwebhooks.exceptions.WebhookVerificationException;
import java.net.http.HttpHeaders;

class Receiver {
    private final Webhook webhook = new Webhook(${e});

    /** Returns the status to answer with. body is the request's, as it came in. */
    int receive(String body, HttpHeaders headers) {
        try {
            webhook.verify(body, headers);
        } catch (WebhookVerificationException e) {
            return 400;
        }
        System.out.println(body);
        return 204;
    }
}
`,kotlin:e=>`// com.standardwebhooks:standardwebhooks
import com.standardwebhooks.Webhook
import com.standardwebhooks.exceptions.WebhookVerificationException
import java.net.http.HttpHeaders

val webhook = Webhook(${e})

/** Returns the status to answer with. body is the request's, as it came in. */
fun receive(body: String, headers: HttpHeaders): Int =
    try {
        webhook.verify(body, headers)
        println(body)
        204
    } catch (e: WebhookVerificationException) {
        400
    }
`,csharp:e=>`using System.Security.Cryptography;
using System.Text;

var key = Convert.FromBase64String(${e}.Replace("whsec_", ""));
var app = WebApplication.Create();

app.MapPost("/webhooks", async (HttpRequest request) =>
{
    using var reader = new StreamReader(request.Body);
    var body = await reader.ReadToEndAsync();
    if (!IsGenuine(request.Headers, body)) return Results.BadRequest();
    Console.WriteLine(body);
    return Results.NoContent();
});
app.Run();

bool IsGenuine(IHeaderDictionary headers, string body)
{
    if (!long.TryParse(headers["webhook-timestamp"], out var at)) return false;
    if (Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - at) > 300) return false;
    var signed = Encoding.UTF8.GetBytes(headers["webhook-id"] + "." + at + "." + body);
    var want = Encoding.ASCII.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed)));
    return headers["webhook-signature"].ToString().Split(' ')
        .Any(given => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), want));
}
`,ruby:e=>`# gem install standardwebhooks sinatra
require "sinatra"
require "standardwebhooks"

WEBHOOK = StandardWebhooks::Webhook.new(${e})

post "/webhooks" do
  headers = {
    "webhook-id" => request.env["HTTP_WEBHOOK_ID"],
    "webhook-timestamp" => request.env["HTTP_WEBHOOK_TIMESTAMP"],
    "webhook-signature" => request.env["HTTP_WEBHOOK_SIGNATURE"]
  }
  begin
    puts WEBHOOK.verify(request.body.read, headers)
  rescue StandardWebhooks::WebhookVerificationError
    halt 400
  end
  204
end
`,php:e=>`<?php
$key = base64_decode(substr(${e}, strlen("whsec_")));
$body = file_get_contents("php://input");
$id = $_SERVER["HTTP_WEBHOOK_ID"] ?? "";
$at = $_SERVER["HTTP_WEBHOOK_TIMESTAMP"] ?? "";
$want = "v1," . base64_encode(hash_hmac("sha256", "$id.$at.$body", $key, true));

$genuine = false;
foreach (explode(" ", $_SERVER["HTTP_WEBHOOK_SIGNATURE"] ?? "") as $given) {
    $genuine = hash_equals($want, $given) || $genuine;
}
if (!$genuine || abs(time() - (int) $at) > 300) {
    http_response_code(400);
    exit;
}
error_log(print_r(json_decode($body, true), true));
http_response_code(204);
`,rust:e=>`// cargo add standardwebhooks http
use http::HeaderMap;
use standardwebhooks::Webhook;

/// Returns the status to answer with. body is the request's, as it came in.
fn receive(body: &[u8], headers: &HeaderMap) -> u16 {
    let webhook = Webhook::new(${e}).expect("a secret");
    match webhook.verify(body, headers) {
        Ok(()) => 204,
        Err(_) => 400,
    }
}
`},x=(e,t)=>b[e](y(t)),S=c();function C(){let{appId:e,may:t}=a(),n=g(e),r=l(),[o,c]=f(),d=s.portal,_=n.rows.find(e=>e.id===o.endpoint)??n.rows[0],v=t(`ManageEndpoint`)&&(0,S.jsx)(i,{look:`primary`,icon:`plus`,onPress:()=>r(`/endpoints/new`),children:d.addEndpoint});return(0,S.jsxs)(u,{title:d.connect,children:[(0,S.jsx)(`p`,{children:d.connectHelp}),(0,S.jsx)(h,{list:n,whenEmpty:(0,S.jsx)(m,{title:d.noEndpoint,action:v,children:d.connectNeedsEndpoint}),children:_&&(0,S.jsxs)(`div`,{className:`stack`,children:[n.rows.length>1&&(0,S.jsx)(`div`,{className:`portal-form`,children:(0,S.jsx)(p,{label:d.endpoint,options:n.rows.map(e=>[e.id,e.url]),value:_.id,onValue:e=>c({endpoint:e})})}),(0,S.jsx)(T,{endpointId:_.id},_.id),(0,S.jsx)(E,{endpointId:_.id})]})})]})}var w=`whsec_...`;function T({endpointId:o}){let{appId:c,may:l}=a(),[u,m]=f(),h=e(),g=[`endpoint-secret`,c,o],y=n({queryKey:g,enabled:!1,gcTime:0,queryFn:async()=>(await t.GET(`/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret`,{params:{path:{app_id:c,endpoint_id:o}}})).data.key}),b=_.find(e=>e===u.language)??`javascript`,C=s.portal,T=async()=>{let{error:e}=await y.refetch();if(e)throw e},E=y.data?.startsWith(`whsk_`)||y.data?.startsWith(`whpk_`);return(0,S.jsxs)(`section`,{className:`card stack`,children:[(0,S.jsx)(`h2`,{children:C.verifyTitle}),(0,S.jsx)(`p`,{children:C.verifyHelp}),l(`ViewEndpointSecret`)?(0,S.jsxs)(`div`,{className:`row`,children:[(0,S.jsx)(`span`,{children:C.secret}),(0,S.jsx)(`code`,{className:`break`,children:y.data??C.secretHidden}),y.data?(0,S.jsxs)(S.Fragment,{children:[(0,S.jsx)(r,{value:y.data,label:C.copySecret}),(0,S.jsx)(i,{look:`quiet`,onPress:()=>h.resetQueries({queryKey:g,exact:!0}),children:C.hideSecret})]}):(0,S.jsx)(i,{icon:`key`,onPress:T,children:C.revealSecret})]}):(0,S.jsx)(`p`,{className:`note`,children:C.secretNotYours}),E?(0,S.jsx)(`p`,{className:`note`,children:C.asymmetric}):(0,S.jsxs)(S.Fragment,{children:[(0,S.jsx)(`div`,{className:`portal-form`,children:(0,S.jsx)(p,{label:C.language,options:_.map(e=>[e,v[e]]),value:b,onValue:e=>m({language:e})})}),(0,S.jsx)(d,{label:C.snippet(v[b]),value:x(b,y.data??w)})]}),(0,S.jsx)(`dl`,{className:`facts`,children:[`webhook-id`,`webhook-timestamp`,`webhook-signature`].map(e=>(0,S.jsxs)(`div`,{className:`facts-pair`,children:[(0,S.jsx)(`dt`,{children:(0,S.jsx)(`code`,{children:e})}),(0,S.jsx)(`dd`,{children:C.headers[e]})]},e))}),(0,S.jsx)(`p`,{className:`muted`,children:C.answerHelp})]})}function E({endpointId:e}){let t=a().appId,n=o({app_id:t,endpoint_id:e}),i=s.portal,c=n.data?.sourceAddress;return n.data?(0,S.jsxs)(`section`,{className:`card stack tight`,children:[(0,S.jsx)(`h2`,{children:i.addressTitle}),c?(0,S.jsxs)(`p`,{children:[i.addressIs,` `,(0,S.jsx)(`code`,{children:c}),` `,(0,S.jsx)(r,{value:c})]}):(0,S.jsx)(`p`,{className:`muted`,children:i.addressUnknown})]}):null}export{C as Connect};