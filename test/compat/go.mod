module github.com/hookloft/hookloft/test/compat

go 1.26.8

require (
	github.com/hookloft/hookloft v0.0.0
	github.com/svix/svix-webhooks v1.99.1
)

require github.com/google/uuid v1.6.0 // indirect

replace github.com/hookloft/hookloft => ../..
