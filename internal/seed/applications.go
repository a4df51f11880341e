package seed

// application is a customer, with what it listens with.
type application struct {
	uid, name string
	metadata  map[string]string
	throttle  int64 // messages a second; 0 for no bound
	share     int   // of a hundred messages, how many are its
	types     []string
	endpoints []endpoint
}

// endpoint is one of its services.
type endpoint struct {
	uid, about string
	is         behaviour
	path       string
	types      []string // none for all
	channels   []string
	throttle   int64
	// once: a single attempt, so that what failed is given up at once.
	once bool
	// timeout in seconds; 0 for the default.
	timeout int64
	headers map[string]string
	filter  string
	script  string
	// connector is the name of a ready one; vars are what it, or the script, is given.
	connector string
	vars      map[string]string
	// paused says why; "" for not.
	paused   string
	disabled bool
	inOrder  bool
	// newSecret: its secret is changed half way, and nobody tells its receiver.
	newSecret bool
}

// shipTo reads what a cancelled order does not have.
const shipTo = `function handler(webhook) {
  const { order } = webhook.payload;
  console.log("order", order.id, "from", env(webhook));
  webhook.payload = {
    order: order.id,
    country: order.shipping.country,
    parcels: Math.ceil(order.items.length / 2),
  };
  return webhook;
}

function env(webhook) {
  return webhook.env.warehouse;
}
`

// withoutPeople leaves out what an analyst must not see.
const withoutPeople = `function handler(webhook) {
  if (webhook.payload.customer) delete webhook.payload.customer.email;
  if (webhook.payload.order) delete webhook.payload.order.customer;
  webhook.headers = { "x-anonymous": "true" };
  return webhook;
}
`

var applications = []application{
	{
		uid: "acme-bakery", name: "Acme Bakery", share: 24, types: []string{"order", "customer", "inventory", "report"},
		metadata: map[string]string{"plan": "gold", "region": "eu-west", "since": "2023"},
		endpoints: []endpoint{
			{uid: "orders", about: "Puts orders into the oven's queue", is: answers, path: "/acme/orders", types: []string{"order"}},
			{uid: "mail", about: "Mails customers", is: accepts, path: "/acme/mail", types: []string{"customer", "order.shipment"}},
			{uid: "stock", about: "Flour, butter, sugar", is: isFlaky, path: "/acme/stock", once: true},
			{uid: "analytics", about: "Counts, without names", is: answers, path: "/acme/analytics", script: withoutPeople},
			{uid: "big-orders", about: "The boss wants to see these", is: answers, path: "/acme/big-orders", types: []string{"order"}, filter: `{"payload":{"order":{"total":{"$gte":150}}}}`},
			{uid: "archive", about: "Everything, one after the other", is: accepts, path: "/acme/archive", inOrder: true},
		},
	},
	{
		uid: "nordwind-logistics", name: "Nordwind Logistics", share: 15, types: []string{"order.shipment", "inventory"},
		metadata: map[string]string{"plan": "silver", "region": "eu-north"},
		endpoints: []endpoint{
			{uid: "tracking", about: "Slow on Mondays, and today", is: isSlow, path: "/nordwind/tracking"},
			{uid: "legacy", about: "Works first and answers later", is: hangs, path: "/nordwind/legacy", types: []string{"order.shipment.delayed"}, timeout: 1, once: true},
			{uid: "warehouse", about: "Hamburg, hall 4", is: answers, path: "/nordwind/warehouse", headers: map[string]string{"X-Hall": "4"}},
		},
	},
	{
		uid: "blue-door-books", name: "Blue Door Books", share: 10, types: []string{"order", "invoice"},
		metadata: map[string]string{"plan": "free", "region": "us-east"},
		endpoints: []endpoint{
			{uid: "old-shop", about: "Closed in October", is: isGone, path: "/blue-door/old-shop"},
			{uid: "invoices", about: "The path was renamed", is: isMissing, path: "/blue-door/v1/invoices", types: []string{"invoice"}, once: true},
			{uid: "website", about: "Without www", is: hasMoved, path: "/blue-door/webhooks", types: []string{"order"}, once: true},
		},
	},
	{
		uid: "kite-payments", name: "Kite Payments", share: 15, types: []string{"payment", "invoice", "subscription"},
		metadata: map[string]string{"plan": "gold", "region": "ap-south", "pci": "yes"}, throttle: 500,
		endpoints: []endpoint{
			{uid: "ledger", about: "The secret was changed here, not there", is: verifies, path: "/kite/ledger", newSecret: true},
			{uid: "risk", about: "Five requests a day are free", is: throttles, path: "/kite/risk", types: []string{"payment"}},
			{uid: "billing", about: "All is well", is: answers, path: "/kite/billing", types: []string{"invoice", "subscription"}},
		},
	},
	{
		uid: "muenchner-kaffee", name: "Münchner Kaffeerösterei ☕", share: 8, types: []string{"order", "inventory"},
		metadata: map[string]string{"plan": "silver", "region": "eu-central", "kontakt": "Zoë Müller"},
		endpoints: []endpoint{
			{uid: "roester", about: "Läuft nur, wenn geröstet wird", is: isNotThere, path: "/kaffee"},
			{uid: "umzug", about: "A host that has moved away", is: isUnnamed, path: "/kaffee", types: []string{"inventory"}, once: true},
			{uid: "kasse", about: "Ships from the warehouse; a script makes the parcels", is: answers, path: "/kaffee/kasse", types: []string{"order"}, once: true, script: shipTo, vars: map[string]string{"warehouse": "muc-2"}},
		},
	},
	{
		uid: "tokyo-games", name: "東京ゲームズ", share: 8, types: []string{"subscription", "customer"}, //nolint:gosmopolitan // customers are everywhere
		metadata: map[string]string{"plan": "gold", "region": "ap-northeast"},
		endpoints: []endpoint{
			{uid: "accounts", about: "Its certificate is its own", is: isStranger, path: "/tokyo/accounts"},
			{uid: "store", about: "Nobody renewed the certificate", is: hasExpired, path: "/tokyo/store", types: []string{"subscription"}, once: true},
			{uid: "forum", about: "The certificate is the shop's", is: hasNewName, path: "/tokyo/forum", types: []string{"customer"}, once: true},
		},
	},
	{
		uid: "orbit-travel", name: "Orbit Travel", share: 12, types: []string{"order", "payment", "invoice"},
		metadata: map[string]string{"plan": "silver", "region": "eu-west"},
		endpoints: []endpoint{
			{uid: "bookings", about: "Fails whatever it gets", is: isBroken, path: "/orbit/bookings"},
			{uid: "crm", about: "Takes ten a second", is: answers, path: "/orbit/crm", types: []string{"payment"}, throttle: 10},
			{uid: "move", about: "Stands still while the data centre moves", is: answers, path: "/orbit/move", types: []string{"invoice"}, paused: "The data centre moves until Tuesday."},
			{uid: "partner", about: "Serves two countries", is: rejects, path: "/orbit/partner", types: []string{"order.created"}, once: true},
			{uid: "mailer", about: "The port of the mail server", is: talksOdd, path: "/orbit/mailer", types: []string{"order.cancelled"}, once: true},
		},
	},
	{
		uid: "lighthouse-clinic", name: "Lighthouse Clinic", share: 8, types: []string{"customer", "invoice", "subscription"},
		metadata: map[string]string{"plan": "gold", "region": "us-west"},
		endpoints: []endpoint{
			{uid: "records", about: "Was down for a while", is: wasDown, path: "/clinic/records", once: true},
			{uid: "chat", about: "Tells the front desk", is: saysOK, path: "/clinic/chat", types: []string{"invoice"}, connector: "slack", vars: map[string]string{"text": "{{eventType}}: {{payload.invoice.number}}"}},
			{uid: "west", about: "The branch in the west", is: accepts, path: "/clinic/west", channels: []string{"west"}},
			{uid: "old-records", about: "Was switched off by hand", is: answers, path: "/clinic/old-records", disabled: true},
			{uid: "fax", about: "Hangs up", is: breaksOff, path: "/clinic/fax", types: []string{"subscription"}},
		},
	},
}
