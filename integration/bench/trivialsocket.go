package main

import (
	"bufio"
	"io"
	"net"
)

// socketKind is the kind of a bare server that FreeSWITCH's socket application
// connects to.
const socketKind = "socket"

// refusal is what a server says that decides nothing, and with which FreeSWITCH
// answers a call as it does after ringfence.
const refusal = "sendmsg\ncall-command: execute\nexecute-app-name: set\nexecute-app-arg: sip_reason=" +
	`SIP;cause=603;text="v=analytics1;url=https://redress.example.com/calls;id=0c8m3k9d7w2r5t1v6x4y";location=RLN` + "\n\n" +
	"sendmsg\ncall-command: execute\nexecute-app-name: respond\nexecute-app-arg: 603 Network Blocked\n\n"

// serveSocket refuses every call: it reads what FreeSWITCH says of the channel
// and looks at none of it.
func serveSocket(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go refuse(c)
	}
}

func refuse(c net.Conn) {
	defer c.Close()
	if _, err := io.WriteString(c, "connect\n\n"); err != nil {
		return
	}
	in := bufio.NewReaderSize(c, 16<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(line) == 1 {
			break
		}
	}
	if _, err := io.WriteString(c, refusal); err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, in) // until the switch has hung up
}
