package main

import (
	"strconv"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
)

func scalingColumns() []cli.Column[client.StageScaling] {
	return []cli.Column[client.StageScaling]{
		{Name: "stage", Text: func(s client.StageScaling) string { return string(s.Stage) }},
		{Name: "lag", Text: func(s client.StageScaling) string { return strconv.FormatUint(s.Lag, 10) }},
		{Name: "arriving", Text: func(s client.StageScaling) string { return perSecond(s.Arrival) }},
		{Name: "done", Text: func(s client.StageScaling) string { return perSecond(s.Rate) }},
		{Name: "capacity", Text: func(s client.StageScaling) string {
			if s.Capacity == 0 {
				return "unknown"
			}
			return perSecond(s.Capacity)
		}},
		{Name: "instances", Text: func(s client.StageScaling) string { return strconv.Itoa(s.Replicas) }},
		{Name: "wanted", Text: func(s client.StageScaling) string { return strconv.Itoa(s.Wanted) }},
	}
}

func perSecond(rate float64) string { return strconv.FormatFloat(rate, 'f', 1, 64) + "/s" }
