package kamailio

import "ringfence/rules"

// ReadCall makes c the call of a SIP request, as if a switch had posted it. Where
// it came from and goes to (source, trunk, account, upstream) the request does not say.
func ReadCall(request string, c *rules.Call) error {
	var x exchange
	if err := x.readMessage(request); err != nil {
		return err
	}
	x.route(&routing{requestURI: x.message.RequestURI})
	*c = x.call
	return nil
}
